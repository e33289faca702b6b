"""Journals in a file that are right in everything but what concerns other processes and the file itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
from journal_doubles_base import Right as Base
from journal_doubles_base import wrong
from judged import doubles

from kitaru.errors import KitaruJournalError, KitaruLeaseLostError
from kitaru.journal.api import LiveEvent
from kitaru.records.facts import MetadataLogged

QUICK = frozenset({"J-80", "J-81", "J-82", "J-94", "J-95", "J-96"})
"""Cases that start no process; every double is run against these and against its own."""


class Right(Base):
    """A journal that passes on everything it is asked."""

    fails = frozenset()


@wrong("80")
class ForgetsEvents(Right):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.kept = []

    def publish(self, execution_id, kind, body):
        self.kept.append(LiveEvent(len(self.kept) + 1, time.time(), kind, body))

    def events(self, execution_id, *, after=0):
        return self.kept[after:]


@wrong("81")
class DropsItsQueue(Right):
    def append_later(self, lease, *drafts):
        pass


@wrong("82")
class ReadsFromACache(Right):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cache = {}

    def records(self, execution_id, *, after=-1):
        if any(lease.execution_id == execution_id for lease in self.inner._leases.values()):
            return self.inner.records(execution_id, after=after)
        return self.cache.setdefault(execution_id, self.inner.records(execution_id, after=after))


@wrong("83", "90")
class FencesItsOwnOnly(Right):
    def append(self, lease, *drafts):
        try:
            self.inner.append(lease, *drafts)
        except KitaruLeaseLostError:
            with self.inner.transact(lease.execution_id) as transaction:
                for draft in drafts:
                    transaction.append(draft)


@wrong("84")
class AllowsOneProcess(Right):
    def create(self, draft, *, flow, stack):
        others = self.inner._commit.connection.execute(
            "SELECT owner FROM executions WHERE owner IS NOT NULL"
        ).fetchall()
        if any(msgspec.json.decode(owner)["pid"] != os.getpid() for (owner,) in others):
            raise KitaruJournalError("another process is at work")
        return self.inner.create(draft, flow=flow, stack=stack)


@wrong("82", "85")
class AcknowledgesTooEarly(Right):
    def append(self, lease, *drafts):
        if len(drafts) == 1 and isinstance(drafts[0].fact, MetadataLogged):
            self.waiting = [*getattr(self, "waiting", []), (lease, drafts)]
            return
        self.inner.append(lease, *drafts)

    def records(self, execution_id, *, after=-1):
        for lease, drafts in self.__dict__.pop("waiting", []):
            self.inner.append(lease, *drafts)
        return self.inner.records(execution_id, after=after)


@wrong("86", "87")
class HoldsTheLastOfABatchBack(Right):
    held = ()

    def append(self, lease, *drafts):
        batch = len(drafts) > 1 and all(isinstance(draft.fact, MetadataLogged) for draft in drafts)
        self.inner.append(lease, *self.held, *(drafts[:-1] if batch else drafts))
        self.held = drafts[-1:] if batch else ()


@wrong("88", "90")
class BelievesInEveryRunner(Right):
    def execution(self, execution_id):
        return msgspec.structs.replace(self.inner.execution(execution_id), runner_lost=False)


@wrong("89")
class LetsLeasesLapse(Right):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.inner.renew_leases = lambda: None


@wrong("91", "92")
class LooksAtNobody(Right):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.inner.look_around = lambda: None


@wrong("94")
class ShowsItsFile(Right):
    def __init__(self, address, durability, on_committed):
        super().__init__(address, durability, on_committed)
        Path(address.removeprefix("sqlite:///")).chmod(0o644)


class _BeginsAnew(Right):
    reason = ""

    def __init__(self, address, durability, on_committed):
        try:
            super().__init__(address, durability, on_committed)
        except KitaruJournalError as error:
            if error.reason != self.reason:
                raise
            Path(address.removeprefix("sqlite:///")).unlink()
            super().__init__(address, durability, on_committed)


@wrong("95")
class OverwritesForeignFiles(_BeginsAnew):
    reason = "foreign"


@wrong("96")
class OverwritesDamagedFiles(_BeginsAnew):
    reason = "corrupt"


DOUBLES = doubles(globals(), Right)
