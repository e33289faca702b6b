"""Journals that are wrong about leases, states and operators."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress

import msgspec
from journal_doubles_base import Right, wrong
from judged import doubles

from kitaru.errors import KitaruLeaseLostError
from kitaru.records.facts import (
    ExecutionFinished,
    RunnerStarted,
)

replace = msgspec.structs.replace


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


DOUBLES = doubles(globals(), Right)
