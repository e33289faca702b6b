"""Journals that are wrong about records and values."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod

import msgspec
from journal_doubles_base import Right, wrong
from judged import doubles

from kitaru.errors import KitaruJournalError
from kitaru.journal.api import Draft
from kitaru.records.facts import (
    CheckpointFailed,
    ExecutionStarted,
    MetadataLogged,
    RunnerStarted,
)

replace = msgspec.structs.replace


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


class _ChangesTexts(Right, ABC):
    @abstractmethod
    def change(self, text): ...

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


DOUBLES = doubles(globals(), Right)
