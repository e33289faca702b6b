"""The fast path: trees that are JSON already, told apart from those that only look like it."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

__all__ = ["INT_BOUND", "Json", "count_plain", "encode_json", "encode_json_sorted", "read_json"]

Json: TypeAlias = Any
"""Decoded JSON that anybody may have written. Whoever takes it apart checks what it finds."""

INT_BOUND: Final = 2**63 - 1
_MAX_FLOAT: Final = 1.7976931348623157e308

_EASY: Final = frozenset({str, bool, type(None)})
_PLAIN: Final = _EASY | {int, float, list, dict}
_KEYS: Final = {str}

encode_json: Final = msgspec.json.Encoder().encode
encode_json_sorted: Final = msgspec.json.Encoder(order="deterministic").encode
read_json: Final = msgspec.json.Decoder().decode


def count_plain(value: list[object] | dict[str, object], depth: int, budget: int) -> int:
    """Count the values of a tree that JSON gives back exactly, classes included.

    Such a tree holds nothing but `None`, `bool`, `int` of 64 bits, finite `float`, `str`, and exact lists and
    dictionaries of them with `str` keys. Lone surrogates are not looked for: encoding fails on them.

    Args:
        value: A list or dictionary, exactly.
        depth: How many levels it may have.
        budget: How many values it may hold.

    Returns:
        How many values it holds, or -1 when it is another sort of tree, too deep or too large.
    """
    count = len(value) + 1
    if depth <= 0 or count > budget:
        return -1
    items: Json = value
    if type(value) is dict:
        if value and {*map(type, value)} != _KEYS:
            return -1
        items = value.values()
    kinds = {*map(type, items)}
    if kinds <= _EASY:
        return count
    if not kinds <= _PLAIN:
        return -1
    for item in items:
        weight = _weigh(item, depth - 1, budget - count)
        if weight < 0:
            return -1
        count += weight
    return count


def _weigh(item: Json, depth: int, budget: int) -> int:
    """Count what `item` adds to its container, which has been counted with its elements; -1 if it is not plain."""
    kind = type(item)
    if kind is dict or kind is list:
        return count_plain(item, depth, budget)
    if kind is int:
        return 0 if -INT_BOUND <= item <= INT_BOUND else -1
    if kind is float:
        return 0 if -_MAX_FLOAT <= item <= _MAX_FLOAT else -1  # false for nan as well
    return 0
