"""The account of one schedule, from its ledger alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crashes.ledger import Entry
    from crashes.lives import Replay
    from crashes.programs import Program

__all__ = ["Account", "judge"]


@dataclass
class Account:
    """What happened in one schedule, or in many.

    Attributes:
        counts: How often each thing happened.
        faults: Each broken promise in words.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def fault(self, kind: str, text: str) -> None:
        """Note a broken promise.

        Args:
            kind: `lost`, `doubled`, `overlapped`, `wrong` or `stuck`.
            text: What was seen.
        """
        self.counts[kind] += 1
        self.faults.append(f"{kind}: {text}")

    def merge(self, other: Account) -> None:
        """Add another account to this one."""
        self.counts.update(other.counts)
        self.faults += other.faults


def judge(entries: list[Entry], program: Program, wanted: Replay | None) -> Account:
    """Account for one schedule.

    Args:
        entries: Its ledger.
        program: What the flow did.
        wanted: The replay at its end, if there was one.

    Returns:
        Counts and faults.
    """
    account = Account()
    _bodies(entries, account)
    _received(entries, account)
    _answers(entries, account)
    _one_runner(entries, account)
    _results(entries, program, account)
    _told(entries, account)
    if wanted is not None:
        _replayed(entries, program, wanted, account)
    return account


def _nonces(value: Any) -> list[str]:  # noqa: ANN401 - whatever an operation returned
    if isinstance(value, dict):
        return [value["nonce"]] if "nonce" in value else []
    return [nonce for part in value for nonce in _nonces(part)] if isinstance(value, list) else []


def _bodies(entries: list[Entry], account: Account) -> None:
    """No body may start once its boundary was acknowledged to the flow or shown as completed."""
    calls = {entry["nonce"]: entry["call"] for entry in entries if entry["event"] == "enter"}
    acknowledged: set[tuple[str, str]] = set()
    for entry in entries:
        event = entry["event"]
        if event == "enter":
            account.counts["bodies"] += 1
            if (entry["execution"], entry["call"]) in acknowledged:
                account.fault("doubled", f"{entry['call']} ran again in {entry['execution']}")
        elif event == "received":
            found = [calls[nonce] for nonce in _nonces(entry["value"]) if nonce in calls]
            acknowledged.update((entry["execution"], call) for call in found)
        elif event in {"seen", "state"}:
            acknowledged.update((entry["execution"], call) for call in entry["completed"])


def _received(entries: list[Entry], account: Account) -> None:
    """What the flow received once, it receives again; and only what a body returned or a person answered."""
    first: dict[tuple[str, int], Any] = {}
    written = {entry["nonce"] for entry in entries if entry["event"] == "enter"}
    for entry in entries:
        if entry["event"] != "received":
            continue
        account.counts["received"] += 1
        key = (entry["execution"], entry["number"])
        if first.setdefault(key, entry["value"]) != entry["value"]:
            account.fault("lost", f"operation {key[1]} of {key[0]} changed its value")
        unknown = [nonce for nonce in _nonces(entry["value"]) if nonce not in written]
        if unknown:
            account.fault("wrong", f"operation {key[1]} of {key[0]} returned what no body returned")


def _answers(entries: list[Entry], account: Account) -> None:
    """An acknowledged answer is never asked for again, and the flow receives it."""
    given: dict[tuple[str, str], set[int]] = {}
    kept: dict[tuple[str, str], int] = {}
    known: dict[int, set[tuple[str, str]]] = {}
    for entry in entries:
        event = entry["event"]
        if event == "looks":
            known[entry["pid"]] = set(kept)
        elif event == "answering":
            given.setdefault((entry["execution"], entry["wait"]), set()).add(entry["value"])
        elif event == "answered":
            account.counts["answers"] += 1
            key = (entry["execution"], entry["wait"])
            if kept.setdefault(key, entry["value"]) != entry["value"]:
                account.fault("doubled", f"{key[1]} of {key[0]} took two answers")
        elif event == "seen" and (entry["execution"], entry["pending"]) in known.get(entry["pid"], ()):
            account.fault("lost", f"{entry['pending']} of {entry['execution']} asks again")
        elif event == "received" and isinstance(entry["value"], int):
            _heard(entry, given, kept, account)


def _heard(
    entry: Entry,
    given: dict[tuple[str, str], set[int]],
    kept: dict[tuple[str, str], int],
    account: Account,
) -> None:
    execution, number = entry["execution"], entry["number"]
    for name in (f"pause_{number}", f"live_{number}"):
        key = (execution, name)
        if key in given and entry["value"] not in given[key]:
            account.fault("wrong", f"{name} of {execution} returned an answer nobody gave")
        if key in kept and entry["value"] != kept[key]:
            account.fault("lost", f"{name} of {execution} returned another answer than the one acknowledged")


def _one_runner(entries: list[Entry], account: Account) -> None:
    """Once another process has run a body of an execution, the former one is never heard of again."""
    former: dict[str, set[int]] = {}
    current: dict[str, int] = {}
    for entry in entries:
        if entry["event"] not in {"enter", "received"}:
            continue
        execution, pid = entry["execution"], entry["pid"]
        if current.setdefault(execution, pid) != pid:
            former.setdefault(execution, set()).add(current[execution])
            current[execution] = pid
            account.counts["takeovers"] += 1
        if pid in former.get(execution, ()):
            account.fault("overlapped", f"two processes ran {execution} at the same time")


def _results(entries: list[Entry], program: Program, account: Account) -> None:
    """Every execution that was started has completed, with exactly what its flow received."""
    received = {
        (entry["execution"], entry["number"]): entry["value"] for entry in entries if entry["event"] == "received"
    }
    results = {
        entry["execution"]: entry["result"]
        for entry in entries
        if entry["event"] == "state" and entry["status"] == "completed"
    }
    for entry in entries:
        if entry["event"] in {"started", "replayed"} and entry["execution"] not in results:
            account.fault("stuck", f"{entry['execution']} was started and never completed")
    for execution, result in results.items():
        account.counts["executions"] += 1
        expected = [received.get((execution, number)) for number in range(len(program))]
        if result != expected:
            account.fault("lost", f"the result of {execution} is not what its flow received")


def _told(entries: list[Entry], account: Account) -> None:
    """The history of what completed is whole, and what each call reported of itself stands in it once."""
    own = {(entry["execution"], entry["nonce"]) for entry in entries if entry["event"] == "enter"}
    received = {
        (entry["execution"], nonce)
        for entry in entries
        if entry["event"] == "received"
        for nonce in _nonces(entry["value"])
    }
    for entry in entries:
        if entry["event"] != "state" or entry["status"] != "completed":
            continue
        execution, used = entry["execution"], Counter(entry["used"])
        account.counts["usage records"] += used.total()
        if entry["fault"] is not None:
            account.fault("lost", f"the history of {execution} is not whole: {entry['fault']}")
        for nonce in (nonce for where, nonce in own & received if where == execution):
            if used[nonce] != 1:
                account.fault(
                    "doubled" if used[nonce] else "lost", f"usage of a call of {execution}: {used[nonce]} times"
                )


def _replayed(entries: list[Entry], program: Program, wanted: Replay, account: Account) -> None:
    """Bodies before the anchor do not run in a replay; those after it do; an overridden one does not."""
    source = next((entry["execution"] for entry in entries if entry["event"] == "started"), None)
    derived = next((entry["execution"] for entry in entries if entry["event"] == "replayed"), None)
    if source is None or derived is None:
        return
    account.counts["replays"] += 1
    value = {(entry["execution"], entry["number"]): entry["value"] for entry in entries if entry["event"] == "received"}
    ran = {entry["number"] for entry in entries if entry["event"] == "enter" and entry["execution"] == derived}
    over = wanted.override
    edge = wanted.anchor if over is None else min(wanted.anchor, over[0])
    for kind, number, _detail in program:
        if kind in {"pause", "live", "caught"}:
            continue
        if over is not None and number == over[0]:
            if number in ran or value.get((derived, number)) != over[1]:
                account.fault("wrong", f"operation {number} of the replay was not overridden")
        elif number < edge:
            if number in ran:
                account.fault("doubled", f"operation {number} ran again in the replay")
            if value.get((derived, number)) != value.get((source, number)):
                account.fault("lost", f"operation {number} of the replay is not what the source returned")
        elif number not in ran:
            account.fault("wrong", f"operation {number} of the replay did not run")
