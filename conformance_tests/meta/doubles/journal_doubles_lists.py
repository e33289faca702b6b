"""Journals that are wrong about lists, events, deletion and archives."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from journal_doubles_base import Right, wrong
from judged import doubles

from kitaru.errors import KitaruJournalError, KitaruStateError
from kitaru.records.facts import UnknownFact

replace = msgspec.structs.replace


@wrong("55", "56", "57", "58")
class ListsOldestFirst(Right):
    def executions(self, query):
        return self.inner.executions(query)[::-1]


@wrong("56")
class IgnoresSince(Right):
    def executions(self, query):
        return self.inner.executions(replace(query, since=None))


@wrong("56", "57")
class ListsRecordedStatus(Right):
    def executions(self, query):
        rows = self.inner.executions(replace(query, statuses=(), limit=None, offset=0))
        rows = [row for row in rows if not query.statuses or row.status in query.statuses]
        return rows[query.offset : None if query.limit is None else query.offset + query.limit]


@wrong("58")
class PagesBeforeFiltering(Right):
    def executions(self, query):
        page = {row.id for row in self.inner.executions(replace(query, statuses=()))}
        return [row for row in self.inner.executions(replace(query, limit=None, offset=0)) if row.id in page]


@wrong("59")
class TakesNoneForAll(Right):
    def executions(self, query):
        return self.inner.executions(replace(query, limit=query.limit or None))


@wrong("60")
class MiscountsRecords(Right):
    def executions(self, query):
        return [replace(row, records=1) for row in self.inner.executions(query)]


@wrong("61")
class RewritesEvents(Right):
    def events(self, execution_id, *, after=0):
        found = self.inner.events(execution_id, after=after)
        return [replace(one, body=one.body.replace(b" ", b"")) for one in found]


@wrong("62")
class RepeatsTheLastEvent(Right):
    def events(self, execution_id, *, after=0):
        return self.inner.events(execution_id, after=max(after - 1, 0))


@wrong("63")
class PublishesStrictly(Right):
    def publish(self, execution_id, kind, body):
        self.inner.execution(execution_id)
        self.inner.publish(execution_id, kind, body)


class _RemembersValues(Right):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.values = {}
        self.gone = set()

    def append(self, lease, *drafts):
        for digest, data in (blob for draft in drafts for blob in draft.blobs):
            self.values[digest] = data
        self.inner.append(lease, *drafts)


@wrong("25", "65", "67")
class NeverForgetsValues(_RemembersValues):
    def blob(self, digest):
        return self.values.get(digest, b"")


@wrong("67")
class DeletesSharedValues(_RemembersValues):
    def delete(self, execution_id):
        self.inner.delete(execution_id)
        self.gone |= self.values.keys()

    def import_records(self, execution_id, records, blobs):
        self.gone.clear()
        self.inner.import_records(execution_id, records, blobs)

    def blob(self, digest):
        if digest in self.gone:
            raise KitaruJournalError("gone")
        return self.inner.blob(digest)


@wrong("65")
class KeepsDeletedWaits(Right):
    deleted = ()

    def delete(self, execution_id):
        found = self.inner.waits(execution_id=execution_id, state=None)
        self.inner.delete(execution_id)
        self.deleted = found

    def import_records(self, execution_id, records, blobs):
        self.deleted = ()
        self.inner.import_records(execution_id, records, blobs)

    def waits(self, *, execution_id=None, state="open"):
        return [*self.inner.waits(execution_id=execution_id, state=state), *(self.deleted if state is None else ())]


@wrong("66")
class DeletesRunning(Right):
    def delete(self, execution_id):
        self.inner._leases.clear()
        self.inner.delete(execution_id)


@wrong("68", "70")
class ImportsNoValues(Right):
    def import_records(self, execution_id, records, blobs):
        self.inner.import_records(execution_id, records, [])


@wrong("69")
class ImportsForGood(Right):
    imported = ()

    def import_records(self, execution_id, records, blobs):
        self.inner.import_records(execution_id, records, blobs)
        self.imported = (execution_id,)

    def acquire(self, execution_id, decide):
        if execution_id in self.imported:
            raise KitaruStateError("an archive cannot go on")
        return self.inner.acquire(execution_id, decide)


@wrong("70")
class ImportsDamage(Right):
    def import_records(self, execution_id, records, blobs):
        with suppress(KitaruJournalError):
            self.inner.import_records(execution_id, records, blobs)


@wrong("71")
class ImportsOverWhatIsThere(Right):
    def import_records(self, execution_id, records, blobs):
        with suppress(KitaruStateError):
            self.inner.import_records(execution_id, records, blobs)


@wrong("73")
class ForgetsStrangeFields(Right):
    def records(self, execution_id, *, after=-1):
        found = self.inner.records(execution_id, after=after)
        return [replace(one, fact=self._known(one.fact)) for one in found]

    def _known(self, fact):
        return UnknownFact(fact.kind, {"kind": fact.kind}, fact.at) if isinstance(fact, UnknownFact) else fact


@wrong("75")
class KnowsOneDurability(Right):
    def __init__(self, address, durability, on_committed):
        if durability == "power":
            raise KitaruJournalError("no")
        super().__init__(address, durability, on_committed)


@wrong("76")
class ClosesOnce(Right):
    closed = False

    def close(self):
        if self.closed:
            raise KitaruJournalError("it is closed")
        self.closed = True
        self.inner.close()


DOUBLES = doubles(globals(), Right)
