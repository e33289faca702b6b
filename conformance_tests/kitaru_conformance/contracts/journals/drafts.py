"""Records as the cases of the journal contract write them."""

from __future__ import annotations

from hashlib import sha256
from itertools import count

from kitaru.journal.api import Draft, Journal, Lease
from kitaru.records.facts import (
    CheckpointCompleted,
    ExecutionFinished,
    ExecutionStarted,
    MetadataLogged,
    RunnerStarted,
    WaitOpened,
    WaitResolved,
)
from kitaru.records.payload import PayloadRef

__all__ = [
    "answered",
    "asked",
    "begin",
    "completed",
    "digest",
    "finished",
    "logged",
    "reference",
    "started",
    "takeover",
]

_numbers = count(1)


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return sha256(data).hexdigest()


def reference(data: bytes) -> PayloadRef:
    """Return a reference to some bytes."""
    return PayloadRef(codec="bytes/1", hash=digest(data), size=len(data))


def started(execution_id: str, *, flow: str = "flow", source: str | None = None, at: float = 1.0) -> Draft:
    """Return the first record of an execution."""
    fact = ExecutionStarted(
        at=at, execution_id=execution_id, flow=flow, module="m", qualname=flow, original_exec_id=source
    )
    return Draft(fact)


def begin(journal: Journal, execution_id: str = "e1", *, flow: str = "flow", stack: str | None = None) -> Lease:
    """Record a new execution."""
    return journal.create(started(execution_id, flow=flow), flow=flow, stack=stack)


def completed(data: bytes = b"1", *, name: str = "step", inline: bool = True) -> Draft:
    """Return the end of a call, with its output in the record's row or beside it."""
    number = next(_numbers)
    fact = CheckpointCompleted(
        at=2.0,
        started_at=1.5,
        call_id=f"call-{number}",
        invocation_id=f"{name}_{number}",
        name=name,
        index=number,
        output=reference(data),
    )
    return Draft(fact, data) if inline else Draft(fact, None, [(digest(data), data)])


def logged(number: int, *, text: str = "") -> Draft:
    """Return a record that holds a number and a text."""
    return Draft(MetadataLogged(at=3.0, values={"n": number, "text": text}))


def takeover(reason: str = "retry") -> Draft:
    """Return the record of a runner that takes over; its generation is the journal's to set."""
    return Draft(RunnerStarted(at=4.0, generation=0, reason=reason))


def asked(name: str, *, at: float = 5.0) -> Draft:
    """Return the opening of a wait called `name`, with the id `w-name`."""
    return Draft(
        WaitOpened(at=at, wait_id=f"w-{name}", name=name, base_name=name, question="Go on?", metadata={"k": 1})
    )


def answered(name: str, data: bytes = b"true") -> Draft:
    """Return the answer to the wait called `name`."""
    return Draft(WaitResolved(at=6.0, wait_id=f"w-{name}", name=name, answer=reference(data)), data)


def finished(status: str = "completed", *, at: float = 7.0) -> Draft:
    """Return the end of an execution."""
    return Draft(ExecutionFinished(at=at, status=status, reason="because", summary={"calls": 2}))
