"""Expected histories: which records a journal holds, in which order, as data that can be read without code.

A file lists `[[record]]` tables. Each names the fields that must be equal; a value `"<anything>"` only asks for the
field, and a list for one of its values. Records of the kinds that `ignored` lists may stand anywhere.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files

__all__ = ["matches"]

_ANYTHING = "<anything>"


def matches(name: str, records: Sequence[Mapping[str, object]]) -> list[str]:
    """Compare a journal with an expected history.

    Args:
        name: Name of the history, without its ending.
        records: The journal, one mapping for each record.

    Returns:
        What differs, one sentence for each difference; empty if they are the same.
    """
    text = files("kitaru_conformance").joinpath("histories", f"{name}.toml").read_text(encoding="utf-8")
    expected = tomllib.loads(text)
    ignored = set(expected["ignored"])
    found = [record for record in records if record["kind"] not in ignored]
    wanted = expected["record"]
    faults = [
        f"Record {number} should be {dict(want)}, not {_shown(have, want)}."
        for number, (want, have) in enumerate(zip(wanted, found, strict=False))
        if not _fits(have, want)
    ]
    if len(found) != len(wanted):
        kinds = ", ".join(str(record["kind"]) for record in found)
        faults.append(f"There should be {len(wanted)} records, not {len(found)}: {kinds}.")
    return faults


def _fits(record: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    return all(_suits(record, name, value) for name, value in wanted.items())


def _suits(record: Mapping[str, object], name: str, value: object) -> bool:
    if value == _ANYTHING:
        return name in record
    return record.get(name) in (value if isinstance(value, list) else [value])


def _shown(record: Mapping[str, object], wanted: Mapping[str, object]) -> dict[str, object]:
    return {name: record.get(name) for name in wanted}
