"""Storing a conversation once although every turn on a thread hands all of it back.

The output of a turn begins with the messages of the turn before it. What is stored of a later turn is therefore the
name of the earlier one, how many of its messages come first, and the rest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from itertools import takewhile
from typing import TypeGuard

from langchain_core.messages import BaseMessage

from kitaru.errors import KitaruDecodingError
from kitaru_adapters.langgraph.codec import pack, stored_fields, stored_object, unpack

__all__ = ["Conversations", "Lists", "pack_output", "unpack_output"]

_KIND, _MAPPING = "continued", "mapping"
_EXECUTIONS = 32
Lists = dict[str, list[BaseMessage]]
"""Lists of messages by channel."""


class Conversations:
    """What turns on a thread handed back, by execution, thread and label of the turn; of the latest executions only."""

    def __init__(self) -> None:
        self._turns: OrderedDict[tuple[str, str], dict[str, Lists]] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, execution: str, thread_id: str, label: str, output: object) -> None:
        """Keep the lists of messages of a turn; lists are copied, so a caller may change the output."""
        with self._lock:
            turns = self._turns.setdefault((execution, thread_id), {})
            turns.pop(label, None)
            turns[label] = lists_of(output)
            while len(self._turns) > _EXECUTIONS:
                self._turns.popitem(last=False)

    def latest(self, execution: str, thread_id: str) -> tuple[str, Lists]:
        """Return the label and the lists of the latest turn, or an empty label where there is none."""
        with self._lock:
            turns = self._turns.get((execution, thread_id), {})
            label = next(reversed(turns), "")
            return label, turns.get(label, {})

    def of(self, execution: str, thread_id: str, label: str) -> Lists | None:
        """Return the lists of a turn, or `None` where it is not known in this process."""
        with self._lock:
            return self._turns.get((execution, thread_id), {}).get(label)


def lists_of(output: object) -> Lists:
    """Return copies of the lists of messages in a graph's output."""
    if not isinstance(output, dict):
        return {}
    return {key: list(value) for key, value in output.items() if _is_conversation(value)}


def _is_conversation(value: object) -> TypeGuard[list[BaseMessage]]:
    return type(value) is list and bool(value) and all(isinstance(item, BaseMessage) for item in value)


def pack_output(output: object, label: str, before: Lists) -> object:
    """Return the stored form of an output.

    Args:
        output: What the graph handed back.
        label: Label of the turn before it on the thread.
        before: That turn's lists of messages.

    Returns:
        The stored form.
    """
    if type(output) is not dict:
        return pack(output)
    items = [[key, _packed(value, key, label, before.get(key, []))] for key, value in output.items()]
    return stored_object(_MAPPING, {"items": items})


def _packed(value: object, key: object, label: str, before: list[BaseMessage]) -> object:
    if not before or not _is_conversation(value):
        return pack(value)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, value, strict=False)))
    if not same:
        return pack(value)
    return stored_object(_KIND, {"label": label, "channel": key, "count": same, "rest": pack(value[same:])})


def unpack_output(stored: object, find: Callable[[str], Lists | None]) -> object:
    """Return an output as it was.

    Args:
        stored: Its stored form.
        find: Returns the lists of an earlier turn by its label.

    Returns:
        The output; messages of earlier turns are the same objects as there.

    Raises:
        KitaruDecodingError: An earlier turn is not to be had.
    """
    mapping = stored_fields(stored, _MAPPING)
    if mapping is None:
        return unpack(stored)
    return {key: _unpacked(value, find) for key, value in mapping["items"]}


def _unpacked(value: object, find: Callable[[str], Lists | None]) -> object:
    fields = stored_fields(value, _KIND)
    if fields is None:
        return unpack(value)
    label, count = str(fields["label"]), int(fields["count"])
    earlier = (find(label) or {}).get(str(fields["channel"]), [])
    rest = unpack(fields["rest"])
    if len(earlier) < count or not isinstance(rest, list):
        msg = (
            f"A stored turn continues {count} messages of turn {label!r}, which are not in the journal of this "
            "execution. Replay from that turn, so that both run again."
        )
        raise KitaruDecodingError(msg, type_name=_KIND, raw=fields)
    return [*earlier[:count], *rest]
