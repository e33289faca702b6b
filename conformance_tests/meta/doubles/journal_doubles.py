"""Journals in memory that are right in everything but one thing, and the cases that must notice."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from judged import doubles

from kitaru.errors import KitaruJournalError, KitaruLeaseLostError, KitaruStateError
from kitaru.journal.api import Draft
from kitaru.journal.sqlite import SqliteJournal
from kitaru.records.facts import (
    CheckpointFailed,
    ExecutionFinished,
    ExecutionStarted,
    MetadataLogged,
    RunnerStarted,
    UnknownFact,
)

replace = msgspec.structs.replace


class Right:
    """A journal that passes on everything it is asked."""

    fails = frozenset()

    def __init__(self, address, durability, on_committed):
        path = None if address == "memory:" else Path(address.removeprefix("sqlite:///"))
        self.inner = SqliteJournal(path, durability=durability, on_committed=on_committed)

    def __getattr__(self, name):
        return getattr(self.inner, name)


def wrong(*ids):
    """Mark a double with the ids of the cases it must fail, and no others."""

    def mark(kind):
        kind.fails = frozenset(f"J-{number}" for number in ids)
        return kind

    return mark


@wrong("01")
class Nameless(Right):
    url = ""


@wrong("02", "56")
class ForgetsStack(Right):
    def create(self, draft, *, flow, stack):
        return self.inner.create(draft, flow=flow, stack=None)


@wrong("03")
class BeginsWithAnything(Right):
    def create(self, draft, *, flow, stack):
        if not isinstance(draft.fact, ExecutionStarted):
            first = ExecutionStarted(at=0.0, execution_id="made-up", flow=flow, module="m", qualname="q")
            return self.inner.create(Draft(first), flow=flow, stack=stack)
        return self.inner.create(draft, flow=flow, stack=stack)


@wrong("04")
class TakesIdsTwice(Right):
    def create(self, draft, *, flow, stack):
        try:
            return self.inner.create(draft, flow=flow, stack=stack)
        except KitaruJournalError:
            return self.inner.acquire(
                draft.fact.execution_id, lambda _: Draft(RunnerStarted(at=0, generation=0, reason="retry"))
            )


@wrong("05", "06", "07", "08", "09", "11", "12", "15", "16", "30", "47", "69", "73", "75")
class ReordersRecords(Right):
    def records(self, execution_id, *, after=-1):
        return self.inner.records(execution_id, after=after)[::-1]


@wrong("06")
class ReadsOneTooMany(Right):
    def records(self, execution_id, *, after=-1):
        return self.inner.records(execution_id, after=after - 1)


@wrong("07")
class SplitsAppends(Right):
    def append(self, lease, *drafts):
        for draft in drafts:
            self.inner.append(lease, draft)
            time.sleep(0.001)


@wrong("08")
class DropsAField(Right):
    def append(self, lease, *drafts):
        for draft in drafts:
            if isinstance(draft.fact, CheckpointFailed):
                draft.fact = replace(draft.fact, effect=None)
        self.inner.append(lease, *drafts)


class _ChangesTexts(Right):
    def change(self, text):
        raise NotImplementedError

    def append(self, lease, *drafts):
        for draft in drafts:
            if isinstance(draft.fact, MetadataLogged) and "text" in draft.fact.values:
                values = {**draft.fact.values, "text": self.change(draft.fact.values["text"])}
                draft.fact = replace(draft.fact, values=values)
        self.inner.append(lease, *drafts)


@wrong("09")
class CutsAtZero(_ChangesTexts):
    def change(self, text):
        return text.partition("\x00")[0]


@wrong("12")
class CutsLongTexts(_ChangesTexts):
    def change(self, text):
        return text[:1_000_000]


@wrong("10", "11", "13", "14", "21", "38", "47", "49", "68", "69", "72", "73", "75")
class BreaksTheChain(Right):
    def stored(self, execution_id):
        return [replace(one, hash=bytes(32)) for one in self.inner.stored(execution_id)]


@wrong("11")
class ForgetsStoredValues(Right):
    def stored(self, execution_id):
        return [replace(one, payload=None) for one in self.inner.stored(execution_id)]


@wrong("07", "13", "14")
class LosesOtherThreads(Right):
    def append(self, lease, *drafts):
        if threading.current_thread() is threading.main_thread():
            self.inner.append(lease, *drafts)


@wrong("14", "44", "60")
class MixesExecutions(Right):
    def create(self, draft, *, flow, stack):
        self.last = self.inner.create(draft, flow=flow, stack=stack)
        return self.last

    def append(self, lease, *drafts):
        own = lease.generation > 1 or lease.no == 0
        self.inner.append(lease if own else self.last, *drafts)


@wrong("15", "33")
class ForgetsCoroutines(Right):
    async def append_async(self, lease, *drafts):
        pass


class _HoldsBack(Right):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.held = []

    def append_later(self, lease, *drafts):
        self.held.append((lease, drafts))

    def flush(self):
        while self.held:
            lease, drafts = self.held.pop(0)
            self.inner.append_later(lease, *drafts)


@wrong("16")
class WritesLaterThanTheNext(_HoldsBack):
    def append(self, lease, *drafts):
        self.inner.append(lease, *drafts)
        self.flush()

    def records(self, execution_id, *, after=-1):
        self.flush()
        return self.inner.records(execution_id, after=after)


@wrong("17")
class NeedsANextRecord(_HoldsBack):
    def append(self, lease, *drafts):
        self.flush()
        self.inner.append(lease, *drafts)


@wrong("18", "34")
class RaisesLater(Right):
    def append_later(self, lease, *drafts):
        self.inner.append(lease, *drafts)


@wrong("19")
class FindsNothingQuietly(Right):
    def waits(self, *, execution_id=None, state="open"):
        try:
            return self.inner.waits(execution_id=execution_id, state=state)
        except LookupError:
            return []


@wrong("20")
class TakesWildcards(Right):
    def find_by_prefix(self, prefix):
        connection = self.inner._commit.connection
        return [row[0] for row in connection.execute("SELECT id FROM executions WHERE id LIKE ?", (prefix + "%",))]


@wrong("21")
class TellsNobody(Right):
    def __init__(self, address, durability, _on_committed):
        super().__init__(address, durability, None)


@wrong("22", "23")
class HasNoEmptyValues(Right):
    def payload(self, execution_id, seq, ref):
        if not ref.size:
            raise KitaruJournalError("nothing there")
        return self.inner.payload(execution_id, seq, ref)


@wrong("23")
class CutsValues(Right):
    def blob(self, digest):
        return self.inner.blob(digest)[: 32 * 1024]


@wrong("23", "24", "67")
class StoresValuesOnce(Right):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.seen = set()

    def append(self, lease, *drafts):
        for digest, _ in (blob for draft in drafts for blob in draft.blobs):
            if digest in self.seen:
                raise KitaruJournalError("it is there already")
            self.seen.add(digest)
        self.inner.append(lease, *drafts)


@wrong("25", "65", "67")
class MakesValuesUp(Right):
    def blob(self, digest):
        try:
            return self.inner.blob(digest)
        except KitaruJournalError:
            return b""


@wrong("26")
class UnpacksByLooks(Right):
    def blob(self, digest):
        import zlib

        data = self.inner.blob(digest)
        return zlib.decompress(data) if data.startswith(b"x\x9c") else data


@wrong("30")
class KeepsTheCallersGeneration(Right):
    def records(self, execution_id, *, after=-1):
        found = self.inner.records(execution_id, after=after)
        return [
            replace(one, fact=replace(one.fact, generation=0)) if isinstance(one.fact, RunnerStarted) else one
            for one in found
        ]


class _Forces(Right):
    def force(self, lease, *drafts):
        with self.inner.transact(lease.execution_id) as transaction:
            for draft in drafts:
                transaction.append(draft)


@wrong("31", "32", "38")
class FencesNobody(_Forces):
    def append(self, lease, *drafts):
        try:
            self.inner.append(lease, *drafts)
        except KitaruLeaseLostError:
            self.force(lease, *drafts)


@wrong("32")
class FencesHalfABatch(_Forces):
    def append(self, lease, *drafts):
        try:
            self.inner.append(lease, *drafts)
        except KitaruLeaseLostError:
            self.force(lease, *drafts[1:])
            raise


@wrong("33")
class FencesCoroutinesQuietly(Right):
    async def append_async(self, lease, *drafts):
        with suppress(KitaruLeaseLostError):
            await self.inner.append_async(lease, *drafts)


@wrong("34")
class PunishesBystanders(Right):
    refused = False

    def append_later(self, lease, *drafts):
        self.refused = self.inner.execution(lease.execution_id).generation != lease.generation
        self.inner.append_later(lease, *drafts)

    def append(self, lease, *drafts):
        if self.refused:
            raise KitaruLeaseLostError("somebody was refused")
        self.inner.append(lease, *drafts)


@wrong("35")
class DecidesOnOldFacts(Right):
    def acquire(self, execution_id, decide):
        return self.inner.acquire(execution_id, lambda row: decide(replace(row, generation=0)))


@wrong("37", "56", "57")
class NeverLetsGo(Right):
    def release(self, lease):
        pass


class _ChangesRows(Right):
    def row(self, row):
        return row

    def execution(self, execution_id):
        return self.row(self.inner.execution(execution_id))

    def acquire(self, execution_id, decide):
        return self.inner.acquire(execution_id, lambda row: decide(self.row(row)))


@wrong("36")
class KeepsTheOldEnd(_ChangesRows):
    def row(self, row):
        return replace(row, ended_at=7.0) if row.generation > 1 else row


@wrong("40")
class ForgetsTotals(_ChangesRows):
    def row(self, row):
        return replace(row, summary={})


@wrong("42")
class GoesOnTooEarly(_ChangesRows):
    def row(self, row):
        return replace(row, status="running") if row.attached and row.records > 3 else row


@wrong("43")
class RunsWithoutARunner(_ChangesRows):
    def row(self, row):
        return replace(row, status="running") if row.status == "waiting" and not row.open_waits else row


@wrong("72")
class ImportsRunning(_ChangesRows):
    def row(self, row):
        return replace(row, status="running") if row.status_reason == "imported while running" else row


class _ChangesWaits(Right):
    def wait(self, wait):
        return wait

    def waits(self, *, execution_id=None, state="open"):
        return [self.wait(one) for one in self.inner.waits(execution_id=execution_id, state=state)]


@wrong("41")
class ForgetsQuestions(_ChangesWaits):
    def wait(self, wait):
        return replace(wait, opened=b'{"kind":"wait.opened","at":1,"wait_id":"w","name":"n","base_name":"n"}')


@wrong("44")
class ListsWaitsBackwards(Right):
    def waits(self, *, execution_id=None, state="open"):
        return self.inner.waits(execution_id=execution_id, state=state)[::-1]


@wrong("45")
class TakesVoidForAborted(_ChangesWaits):
    def wait(self, wait):
        return replace(wait, state="aborted") if wait.state == "void" else wait


@wrong("46")
class LeavesWaitsOpen(Right):
    def waits(self, *, execution_id=None, state="open"):
        wanted = self.inner.waits(execution_id=execution_id, state=None)
        if state != "open":
            return self.inner.waits(execution_id=execution_id, state=state)
        return [one for one in wanted if one.state == "open" or self._ended(one)]

    def _ended(self, wait):
        return any(isinstance(one.fact, ExecutionFinished) for one in self.inner.records(wait.execution_id))


class _Proxy:
    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


@wrong("47", "50", "51", "52")
class IgnoresOperators(Right):
    @contextmanager
    def transact(self, execution_id):
        with self.inner.transact(execution_id) as transaction:
            proxy = _Proxy(transaction)
            proxy.append = lambda _draft: None
            yield proxy


@wrong("48")
class ShowsOperatorsNoWaits(Right):
    @contextmanager
    def transact(self, execution_id):
        with self.inner.transact(execution_id) as transaction:
            proxy = _Proxy(transaction)
            proxy.row = replace(transaction.row, open_waits=0)
            yield proxy


@wrong("49")
class CommitsFailures(Right):
    @contextmanager
    def transact(self, execution_id):
        failure = None
        with self.inner.transact(execution_id) as transaction:
            try:
                yield transaction
            except ZeroDivisionError as error:
                failure = error
        if failure is not None:
            raise failure


@wrong("50")
class LetsOperatorsRace(Right):
    @contextmanager
    def transact(self, execution_id):
        open_waits = self.inner.waits(execution_id=execution_id)
        time.sleep(0.02)
        with self.inner.transact(execution_id) as transaction:
            proxy = _Proxy(transaction)
            proxy.waits = lambda state="open": open_waits if state == "open" else transaction.waits(state)
            yield proxy


@wrong("51")
class CancelsInSecret(Right):
    @contextmanager
    def transact(self, execution_id):
        with self.inner.transact(execution_id) as transaction:
            yield transaction
        for lease in self.inner._leases.values():
            lease.cancelled = False


@wrong("52")
class TellsTooEarly(Right):
    @contextmanager
    def transact(self, execution_id):
        leases = [(one, list(one.on_change)) for one in self.inner._leases.values()]
        for lease, listeners in leases:
            for listener in listeners:
                listener()
            lease.on_change.clear()
        with self.inner.transact(execution_id) as transaction:
            yield transaction
        for lease, listeners in leases:
            lease.on_change.extend(listeners)


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
