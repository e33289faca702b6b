"""The journal this process records in, opened on first use and shared by everything in it.

What a driver gives is wrapped: very large values go into the artifact store, and plugins that watch are told of every
record. Everything else goes straight to the driver.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kitaru.deferred import asyncio
from kitaru.engine.large_values import LARGE_BYTES, LargeValues
from kitaru.engine.observing import Observers
from kitaru.errors import KitaruJournalError
from kitaru.journal.registry import open_journal
from kitaru.records.facts import ExecutionStarted
from kitaru.settings.paths import store_address

if TYPE_CHECKING:
    from kitaru.journal.api import Draft, Durability, ExecutionRow, Journal, Lease, StoredRecord, Transaction
    from kitaru.records.payload import PayloadRef

__all__ = ["default_journal"]


def default_journal(address: str | None = None) -> Journal:
    """Return the open journal of an address, or of the settings.

    Args:
        address: An address or path; by default `KITARU_STORE`, or the file in the configuration directory.
    """
    return open_journal(address or store_address(), durability=_durability, attend=Attendant)


def _durability() -> Durability:
    # Settings are read, and what reads them is loaded, when the first journal is opened.
    from kitaru.settings.resolve import durability

    return durability()


class Attendant:
    """What this process keeps beside one journal.

    Args:
        url: The journal's address.
    """

    def __init__(self, url: str) -> None:
        self._observers = Observers(url)
        self.show = self._observers.show

    def around(self, journal: Journal) -> Journal:
        """Return the journal as the engine uses it."""
        return AttendedJournal(journal, self._observers)

    def opened(self, journal: Journal) -> None:
        """Show plugins what processes that died may not have shown; a plugin may open this journal meanwhile."""
        self._observers.catch_up(journal)


class AttendedJournal:
    """A journal with its very large values and its observers.

    Args:
        journal: What the driver opened.
        observers: The plugins that watch it.
    """

    def __init__(self, journal: Journal, observers: Observers) -> None:
        self._journal = journal
        self._observers = observers
        self._large = LargeValues(journal)
        self._append = journal.append
        self.append_then = getattr(journal, "append_then", None)  # nothing with blobs, and so nothing large, goes there
        self.url = journal.url
        self.execution = journal.execution
        self.executions = journal.executions
        self.find_by_prefix = journal.find_by_prefix
        self.records = journal.records
        self.stored = journal.stored
        self.waits = journal.waits
        self.publish = journal.publish
        self.events = journal.events

    def create(self, draft: Draft, *, flow: str, stack: str | None) -> Lease:
        """Record a new execution; see `Journal.create`."""
        execution_id = draft.fact.execution_id if isinstance(draft.fact, ExecutionStarted) else ""
        (draft,), kept = self._large.keep([draft]) if self._large.concern([draft]) else ([draft], ())
        noted = self._observers.owe(execution_id, -1)
        try:
            lease = self._journal.create(draft, flow=flow, stack=stack)
        except BaseException:
            if noted:
                self._observers.rest(execution_id)
            raise
        self._large.settle(kept)
        return lease

    def acquire(self, execution_id: str, decide: Callable[[ExecutionRow], Draft]) -> Lease:
        """Take over an execution that nobody runs; see `Journal.acquire`."""
        self._observers.catch_up(self._journal)

        def decide_and_note(row: ExecutionRow) -> Draft:
            draft = decide(row)
            self._observers.owe(execution_id, row.records - 1)
            return draft

        return self._journal.acquire(execution_id, decide_and_note)

    def release(self, lease: Lease) -> None:
        """Stop renewing a lease; see `Journal.release`."""
        self._journal.release(lease)
        self._observers.rest(lease.execution_id)

    @contextmanager
    def transact(self, execution_id: str) -> Iterator[Transaction]:
        """Open an operator's transaction; see `Journal.transact`."""
        noted = False
        try:
            with self._journal.transact(execution_id) as transaction:
                noted = self._observers.owe(execution_id, transaction.row.records - 1)
                yield transaction
        finally:
            if noted:
                self._observers.rest(execution_id)

    def append(self, lease: Lease, *drafts: Draft) -> None:
        """Append records durably; see `Journal.append`."""
        if len(drafts) == 1 and not drafts[0].blobs:  # almost every checkpoint
            self._append(lease, *drafts)
        elif self._large.concern(drafts):
            noted, kept = self._large.keep(drafts)
            self._append(lease, *noted)
            self._large.settle(kept)
        else:
            self._append(lease, *drafts)

    def append_async(self, lease: Lease, *drafts: Draft) -> Awaitable[None]:
        """Append records durably without blocking the event loop; see `Journal.append_async`."""
        if self._large.concern(drafts):
            return self._append_large(lease, drafts)
        return self._journal.append_async(lease, *drafts)

    async def _append_large(self, lease: Lease, drafts: Sequence[Draft]) -> None:
        noted, kept = await asyncio.to_thread(self._large.keep, drafts)
        await self._journal.append_async(lease, *noted)
        await asyncio.to_thread(self._large.settle, kept)

    def append_later(self, lease: Lease, *drafts: Draft) -> None:
        """Append with the next durable record; see `Journal.append_later`."""
        if self._large.concern(drafts):
            drafts = tuple(self._large.keep(drafts)[0])
        self._journal.append_later(lease, *drafts)

    def payload(self, execution_id: str, seq: int, ref: PayloadRef) -> bytes:
        """Return the bytes a reference names; see `Journal.payload`."""
        if ref.size >= LARGE_BYTES and (found := self._large.get(ref.hash)) is not None:
            return found
        return self._journal.payload(execution_id, seq, ref)

    def blob(self, digest: str) -> bytes:
        """Return stored bytes by digest; see `Journal.blob`."""
        try:
            return self._journal.blob(digest)
        except KitaruJournalError as error:
            found = self._large.get(digest) if error.reason == "corrupt" else None
            if found is None:
                raise
            return found

    def delete(self, execution_id: str) -> None:
        """Delete an execution and what only it used; see `Journal.delete`."""
        named = self._large.named(execution_id)
        self._journal.delete(execution_id)
        self._large.forget(named)

    def import_records(
        self, execution_id: str, records: Sequence[StoredRecord], blobs: Sequence[tuple[str, bytes]]
    ) -> None:
        """Write an archived execution; see `Journal.import_records`."""
        blobs, kept = self._large.keep_archived(blobs)
        self._journal.import_records(execution_id, records, blobs)
        self._large.settle(kept)

    def close(self) -> None:
        """Write what is queued and close; see `Journal.close`."""
        self._journal.close()
        self._observers.close()
