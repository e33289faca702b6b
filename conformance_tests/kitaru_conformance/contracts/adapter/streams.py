"""Runs that are read while they happen."""

from __future__ import annotations

from kitaru_conformance.contracts.adapter.scripts import CHAIN, TALK, chain
from kitaru_conformance.harness import AdapterHarness, Settings
from kitaru_conformance.lab import KILLED, Lab
from kitaru_conformance.requirements import requirement

__all__ = ["Streams"]

_NEEDS = {"stream"}


class Streams:
    """Cases about the streamed form."""

    harness: type[AdapterHarness]

    @requirement("A-70", needs=_NEEDS)
    def test_a_stream_hands_out_all_pieces(self, lab: Lab, strategy: str) -> None:
        """The caller of a streamed run is handed all text, to the last piece.

        If this fails: the stream is closed behind the last item that the framework looks at; drain it to its end.
        """
        answer = lab.run(TALK, form="stream", settings=Settings(strategy=strategy)).answer
        assert (answer.text, "".join(answer.chunks)) == ("Hello there, world", "Hello there, world")

    @requirement("A-71", needs=_NEEDS)
    def test_a_streamed_run_gives_the_answer_of_a_plain_one(self, lab: Lab, strategy: str) -> None:
        """A streamed run with tools ends with the text of an ordinary run.

        If this fails: repair A-70 first.
        """
        assert lab.run(CHAIN, form="stream", settings=Settings(strategy=strategy)).answer.text == "A one and B two"

    @requirement("A-72", needs=_NEEDS)
    def test_a_rerun_of_a_stream_asks_no_model(self, lab: Lab, strategy: str) -> None:
        """A rerun of a finished stream hands the same text out again and asks no model.

        If this fails: repair A-70 first; then look how the stored value is turned into a stream again.
        """
        crash = {"KITARU_CRASH_AT": "flow.body_done"}
        run = lab.run(TALK, form="stream", settings=Settings(strategy=strategy), environment=crash).go_on()
        assert (run.answer.text, run.ledger.count("model")) == ("Hello there, world", 1)

    @requirement("A-73", needs=_NEEDS)
    def test_a_kill_in_the_middle_of_a_stream_asks_the_model_again(self, lab: Lab, strategy: str) -> None:
        """Killed in the middle of a stream and continued, a run has the whole answer of a new request.

        If this fails: a part of a stream was kept as if it were the whole.
        """
        die = {"KITARU_CONFORMANCE_DIE_AT": "model:0:chunk:2"}
        run = lab.run(TALK, form="stream", settings=Settings(strategy=strategy), environment=die)
        assert run.result.code == KILLED
        assert (run.go_on().answer.text, run.ledger.count("model")) == ("Hello there, world", 2)

    @requirement("A-74", needs={"stream", "granular"})
    def test_a_stream_that_breaks_is_a_failed_call(self, lab: Lab) -> None:
        """A stream that fails behind its first piece is a failed boundary, and a retry asks only that request again.

        If this fails: repair A-73 first.
        """
        run = lab.run(chain(turns=(0, 0, 1)), form="stream")
        assert (run.status, run.calls[-1].status) == ("failed", "failed")
        run.go_on()
        assert (run.answer.text, run.ledger.count("model:2"), run.ledger.count("tool")) == ("A one and B two", 2, 2)
