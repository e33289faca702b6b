"""The contract of journals: what `kitaru.journal.api.Journal` promises, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from kitaru_conformance.contracts.journals.appending import Appending
from kitaru_conformance.contracts.journals.files import Files
from kitaru_conformance.contracts.journals.leases import Leases
from kitaru_conformance.contracts.journals.listing import Listing
from kitaru_conformance.contracts.journals.payloads import Payloads
from kitaru_conformance.contracts.journals.processes import Processes
from kitaru_conformance.contracts.journals.retention import Retention
from kitaru_conformance.contracts.journals.waiting import Waiting

__all__ = ["JournalContract"]


class JournalContract(Appending, Payloads, Leases, Waiting, Listing, Retention, Processes, Files):
    """What every journal must do.

    A subclass gives the fixture `address`: the address of an empty journal. The journal is opened through the driver
    that an installed plugin offers for the address's scheme, or through `opener`, a `module:function` of the same shape
    that child processes can import.
    """

    prefix: ClassVar[str] = "J"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "crash_points": "Its commits pass the crash points `journal.before_commit`, `journal.in_transaction` and "
        "`journal.after_commit` of `kitaru.crash_points`.",
        "file": "It is one file of this machine, named by the address after `:///`.",
        "heartbeat": "Its leases last `KITARU_LEASE_TTL` seconds and are renewed while their holder lives.",
        "persistent": "It outlives its process, and other processes open it by the same address.",
    }
