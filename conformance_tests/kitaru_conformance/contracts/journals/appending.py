"""Records: appended in order, read back as they were, chained by their hashes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from kitaru.errors import KitaruError, KitaruNotFoundError
from kitaru.journal.api import Committed, Draft, Journal, ListQuery
from kitaru.records.facts import ExecutionStarted, decode_fact
from kitaru_conformance.contracts.journals.cases import JournalCases, assert_chain, facts, numbers
from kitaru_conformance.contracts.journals.desk import Desk
from kitaru_conformance.contracts.journals.drafts import begin, completed, finished, logged, started, takeover
from kitaru_conformance.contracts.journals.samples import SAMPLES
from kitaru_conformance.requirements import requirement

__all__ = ["Appending"]

_TEXTS = (
    "",
    "plain",
    'quote " and \\ back',
    "line\nbreak\r\ttab",
    "nul \x00 bell \x07",
    "ünïcödé 漢字 🙂",
    "\u2028\ufeff",
)


class Appending(JournalCases):
    """Cases about appending and reading."""

    @requirement("J-01", level="loads")
    def test_an_empty_journal_opens(self, journal: Journal) -> None:
        """An address opens, and the journal there has an address and no execution.

        If this fails: look at the driver's card and its schemes, then at the `address` fixture.
        """
        assert journal.url
        assert journal.executions(ListQuery()) == []

    @requirement("J-02")
    def test_an_execution_begins_with_its_first_record(self, journal: Journal) -> None:
        """A created execution is running, owned in generation 1, and has its first record.

        If this fails: repair J-01 first; then look at `create`.
        """
        lease = begin(journal, flow="greet", stack="local")
        row = journal.execution("e1")
        assert (row.id, row.flow, row.stack, row.status, row.created_at) == ("e1", "greet", "local", "running", 1.0)
        assert (row.generation, row.attached, row.runner_lost, row.records) == (1, True, False, 1)
        assert (lease.execution_id, lease.generation, lease.lost) == ("e1", 1, False)
        assert isinstance(facts(journal)[0], ExecutionStarted)

    @requirement("J-03")
    def test_an_execution_begins_with_nothing_else(self, journal: Journal) -> None:
        """Creating an execution with another record than its first is refused, and leaves nothing behind.

        If this fails: look at what `create` checks before it writes.
        """
        with pytest.raises((TypeError, KitaruError)):
            journal.create(logged(1), flow="flow", stack=None)
        assert journal.executions(ListQuery()) == []

    @requirement("J-04")
    def test_an_id_is_used_once(self, journal: Journal) -> None:
        """Creating an execution whose id is taken is refused, and the first one stays as it was.

        If this fails: look for a unique index on the id of an execution.
        """
        journal.append(begin(journal), logged(1))
        with pytest.raises(KitaruError):
            journal.create(started("e1", flow="other"), flow="other", stack=None)
        assert (journal.execution("e1").flow, numbers(journal)) == ("flow", [1])

    @requirement("J-05")
    def test_records_come_back_in_order(self, journal: Journal) -> None:
        """Records come back in the order in which they were appended, numbered from 0 without gaps.

        If this fails: repair J-02 first; then look at how an append takes its place.
        """
        lease = begin(journal)
        for number in range(30):
            journal.append(lease, logged(number))
        assert numbers(journal) == list(range(30))
        assert [record.seq for record in journal.records("e1")] == list(range(31))
        assert all(record.execution_id == "e1" for record in journal.records("e1"))

    @requirement("J-06")
    def test_reading_goes_on_after_a_place(self, journal: Journal) -> None:
        """Reading after a place gives what comes after it, and nothing at the end.

        If this fails: repair J-05 first; `after` is a place, and that record itself is not wanted.
        """
        lease = begin(journal)
        journal.append(lease, *(logged(number) for number in range(5)))
        assert [record.seq for record in journal.records("e1", after=2)] == [3, 4, 5]
        assert journal.records("e1", after=5) == []

    @requirement("J-07")
    def test_drafts_of_one_append_stay_together(self, journal: Journal) -> None:
        """The records of one append stand next to each other, in the order given, whoever else appends.

        If this fails: repair J-05 first; one append is one transaction.
        """
        lease = begin(journal)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: journal.append(lease, *(logged(one * 10 + n) for n in range(5))), range(8)))
        found = numbers(journal)
        batches = [found[start : start + 5] for start in range(0, 40, 5)]
        assert sorted(batches) == [[one * 10 + n for n in range(5)] for one in range(8)]

    @requirement("J-08")
    def test_every_kind_of_record_comes_back_equal(self, journal: Journal) -> None:
        """A record of every kind comes back equal to what was appended.

        If this fails: store the bytes of `encode_fact` as they are.
        """
        lease = begin(journal)
        for place, fact in enumerate(SAMPLES, start=1):
            journal.append(lease, Draft(fact))
            assert facts(journal)[place] == fact

    @requirement("J-09")
    def test_every_character_survives(self, journal: Journal) -> None:
        """A text with any characters comes back as it was.

        If this fails: repair J-08 first; records are bytes, so look for a step that treats them as text.
        """
        lease = begin(journal)
        for place, text in enumerate(_TEXTS, start=1):
            journal.append(lease, logged(place, text=text))
            assert getattr(facts(journal)[place], "values", {})["text"] == text

    @requirement("J-10")
    def test_records_are_chained(self, journal: Journal) -> None:
        """Each record carries the SHA-256 of the hash before it and its own bytes; the first follows 32 zero bytes.

        If this fails: repair J-05 first; the chain runs over the stored bytes, not over the fact.
        """
        lease = begin(journal)
        journal.append(lease, completed(), logged(1))
        journal.append(lease, completed())
        assert_chain(journal)

    @requirement("J-11")
    def test_stored_records_and_read_records_agree(self, journal: Journal) -> None:
        """The stored bytes, read by `decode_fact`, are the facts that readers get, under the same hashes.

        If this fails: repair J-10 first.
        """
        journal.append(begin(journal), completed(b"42"), logged(1))
        stored = journal.stored("e1")
        assert [decode_fact(one.body) for one in stored] == facts(journal)
        assert [one.hash.hex() for one in stored] == [record.hash for record in journal.records("e1")]
        assert [one.payload for one in stored] == [None, b"42", None]

    @requirement("J-12")
    def test_a_large_record_comes_back(self, journal: Journal) -> None:
        """A record of a megabyte comes back as it was.

        If this fails: look for a limit on the size of a row or of a message.
        """
        text = "x" * (1 << 20)
        journal.append(begin(journal), logged(1, text=text))
        assert getattr(facts(journal)[1], "values", {})["text"] == text

    @requirement("J-13")
    def test_many_threads_lose_nothing(self, journal: Journal) -> None:
        """Threads that append to one execution at the same time lose no record, and the chain stays whole.

        If this fails: repair J-10 first; the place and the hash of a record are decided under one lock.
        """
        lease = begin(journal)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: journal.append(lease, logged(number)), range(80)))
        assert sorted(map(str, numbers(journal))) == sorted(map(str, range(80)))
        assert_chain(journal)

    @requirement("J-14")
    def test_executions_do_not_mix(self, journal: Journal) -> None:
        """Records of executions that run side by side stay apart.

        If this fails: repair J-13 first; look at how a record is tied to its execution.
        """
        leases = [begin(journal, f"e{one}") for one in range(4)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: journal.append(leases[number % 4], logged(number)), range(40)))
        for one in range(4):
            assert sorted(map(str, numbers(journal, f"e{one}"))) == sorted(str(n) for n in range(one, 40, 4))
            assert_chain(journal, f"e{one}")

    @requirement("J-15")
    def test_coroutines_append_in_their_order(self, journal: Journal) -> None:
        """Awaited appends are there when the await is over, in the order in which they were asked for.

        If this fails: repair J-05 first; look at the queue between the event loop and the writer.
        """
        lease = begin(journal)

        async def append() -> None:
            await asyncio.gather(*(journal.append_async(lease, logged(number)) for number in range(20)))
            assert numbers(journal) == list(range(20))

        asyncio.run(append())

    @requirement("J-16")
    def test_a_later_record_comes_with_the_next(self, journal: Journal) -> None:
        """A record that may be written later stands before the next one that is appended.

        If this fails: repair J-05 first; an append takes along what is queued for later.
        """
        lease = begin(journal)
        journal.append_later(lease, logged(1))
        journal.append(lease, logged(2))
        assert numbers(journal) == [1, 2]

    @requirement("J-17")
    def test_a_later_record_needs_no_next(self, journal: Journal) -> None:
        """A record that may be written later is there soon, though nothing else is appended.

        If this fails: repair J-16 first; something has to write the queue when nobody appends.
        """
        seen: list[object] = []
        lease = begin(journal)
        journal.append_later(lease, logged(1))
        deadline = time.monotonic() + 5
        while not seen and time.monotonic() < deadline:
            seen = numbers(journal)
            time.sleep(0.005)
        assert seen == [1]

    @requirement("J-18")
    def test_writing_later_never_raises(self, journal: Journal) -> None:
        """Writing later to an execution that another runner took over raises nothing and writes nothing.

        If this fails: repair J-31 first; then look at what `append_later` does with a refusal.
        """
        lease = begin(journal)
        journal.acquire("e1", lambda _row: takeover())
        journal.append_later(lease, logged(1))
        assert numbers(journal) == []

    @requirement("J-19")
    def test_an_unknown_execution_is_not_found(self, journal: Journal) -> None:
        """Whatever is asked of an execution that is not there, the answer is KitaruNotFoundError.

        If this fails: look at the questions that answer with an empty list instead.
        """
        begin(journal)
        questions: tuple[Callable[[str], object], ...] = (
            journal.execution,
            journal.records,
            journal.stored,
            journal.delete,
            journal.events,
            lambda one: journal.waits(execution_id=one),
            lambda one: journal.acquire(one, lambda _row: takeover()),
            lambda one: journal.transact(one).__enter__(),
        )
        for ask in questions:
            with pytest.raises(KitaruNotFoundError):
                ask("e2")

    @requirement("J-20")
    def test_an_id_is_found_by_its_beginning(self, journal: Journal) -> None:
        """Executions are found by the beginning of their ids, whatever characters it has.

        If this fails: look for characters such as % and _ that a query takes as wildcards.
        """
        for name in ("ab1", "ab2", "a%1", "a_1", "b"):
            begin(journal, name)
        assert sorted(journal.find_by_prefix("ab")) == ["ab1", "ab2"]
        assert journal.find_by_prefix("a%") == ["a%1"]
        assert journal.find_by_prefix("a_") == ["a_1"]
        assert journal.find_by_prefix("zz") == []

    @requirement("J-21")
    def test_observers_see_each_record_in_order(self, desk: Desk) -> None:
        """An observer given at the opening sees every record once, in order.

        If this fails: repair J-05 first; look at `create`, `acquire` and `transact`, which append records too.
        """
        seen: list[tuple[int, bytes]] = []

        def watch(committed: list[Committed]) -> None:
            seen.extend((place, head) for _, place, _, head in committed)

        journal = desk.open("process", watch)
        lease = begin(journal)
        journal.append(lease, completed())
        journal.append(lease, logged(1), logged(2))
        with journal.transact("e1") as transaction:
            transaction.append(logged(3))
        journal.append(lease, finished())
        assert seen == [(one.seq, one.hash) for one in journal.stored("e1")]
