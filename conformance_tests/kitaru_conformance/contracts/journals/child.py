"""The other process of the journal contract: opens an address, does one thing, and says how far it has come.

It is started as `python -m kitaru_conformance.contracts.journals.child ADDRESS OPENER ACTION ARGUMENT...`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from kitaru.errors import KitaruLeaseLostError
from kitaru.journal.api import Draft, Journal
from kitaru.records.facts import CancelRequested
from kitaru_conformance.contracts.journals.desk import find_opener
from kitaru_conformance.contracts.journals.drafts import answered, begin, completed, finished, logged, takeover

__all__ = ["main"]

Action = Callable[..., None]


def say(text: object) -> None:
    """Tell the parent something at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write_for_ever(journal: Journal, execution_id: str) -> None:
    """Append one record after the other, and say the number of each once it is acknowledged."""
    lease = begin(journal, execution_id)
    number = 0
    while True:
        journal.append(lease, logged(number))
        say(number)
        number += 1


def write_batches(journal: Journal, execution_id: str, size: str, batches: str) -> None:
    """Append batches of records, and say the number of each batch once it is acknowledged."""
    lease = begin(journal, execution_id)
    for number in range(int(batches)):
        journal.append(lease, *(logged(number) for _ in range(int(size))))
        say(number)


def run_through(journal: Journal, execution_id: str, steps: str) -> None:
    """Run an execution to its end."""
    lease = begin(journal, execution_id)
    for _ in range(int(steps)):
        journal.append(lease, completed())
    journal.append(lease, finished())
    journal.release(lease)


def hold(journal: Journal, execution_id: str) -> None:
    """Own an execution until a line comes in, then try to append to it."""
    lease = begin(journal, execution_id)
    say("ready")
    sys.stdin.readline()
    try:
        journal.append(lease, completed())
    except KitaruLeaseLostError:
        say("refused")
    else:
        say("accepted")


def take_over(journal: Journal, execution_id: str) -> None:
    """Take an execution over and append a record."""
    lease = journal.acquire(execution_id, lambda _row: takeover())
    journal.append(lease, completed())
    say(lease.generation)


def answer(journal: Journal, execution_id: str, name: str) -> None:
    """Answer a wait if it is open, as an operator would."""
    with journal.transact(execution_id) as transaction:
        is_open = any(wait.name == name for wait in transaction.waits())
        if is_open:
            transaction.append(answered(name))
    say("answered" if is_open else "closed")


def cancel(journal: Journal, execution_id: str) -> None:
    """Ask to cancel an execution."""
    with journal.transact(execution_id) as transaction:
        transaction.append(Draft(CancelRequested(at=8.0, by={"user": "child"})))


_ACTIONS: Final[Mapping[str, Action]] = {
    "write_for_ever": write_for_ever,
    "write_batches": write_batches,
    "run_through": run_through,
    "hold": hold,
    "take_over": take_over,
    "answer": answer,
    "cancel": cancel,
}


def main(address: str, opener: str, action: str, *arguments: str) -> None:
    """Do one thing.

    Args:
        address: The journal's address.
        opener: As in `find_opener`; empty for one that a plugin offers.
        action: Name of the action.
        arguments: Its arguments.
    """
    journal = find_opener(address, opener or None)(address, "process", None)
    _ACTIONS[action](journal, *arguments)
    journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
