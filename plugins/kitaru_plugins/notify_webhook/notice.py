"""What a notice says."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import msgspec

from kitaru.records.facts import WaitOpened

if TYPE_CHECKING:
    from kitaru.records.record import Record

__all__ = ["Notice", "make_notice"]


class Notice(msgspec.Struct, frozen=True):
    """One notice on its way.

    Attributes:
        delivery: Id of the notice: that of the wait, the same however often it is sent.
        body: The JSON object that is sent.
    """

    delivery: str
    body: bytes


def make_notice(record: Record) -> Notice:
    """Write the notice of an opened wait.

    Args:
        record: The record; its kind is `wait.opened`.

    Returns:
        The notice. It holds what the flow asked and attached for a person, and no other data of the execution.
    """
    fact = record.fact
    if not isinstance(fact, WaitOpened):
        msg = f"A notice is made of an opened wait, not of a record of the kind {record.kind!r}."
        raise TypeError(msg)
    body = {
        "type": record.kind,
        "v": 1,
        "execution_id": record.execution_id,
        "wait_id": fact.wait_id,
        "name": fact.name,
        "question": fact.question,
        "schema": fact.schema,
        "metadata": fact.metadata,
        "opened_at": fact.at,
        "answer_with": f"kitaru executions input {record.execution_id} --wait {shlex.quote(fact.name)} --value JSON",
    }
    return Notice(fact.wait_id, msgspec.json.encode(body))
