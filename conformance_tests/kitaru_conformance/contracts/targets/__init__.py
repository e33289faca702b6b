"""The contract of execution targets: places where the body of a checkpoint can run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from kitaru import ExecutionStatus, FailureInfo, FailureOrigin
from kitaru_conformance.contract import Contract
from kitaru_conformance.contracts.targets import bodies
from kitaru_conformance.contracts.targets.api import Body, Ending, RuntimeTarget, Target
from kitaru_conformance.requirements import requirement

__all__ = ["TargetContract"]


class TargetContract(Contract):
    """What every target must do.

    A subclass sets `runtime`, or gives the fixture `target`.

    Attributes:
        runtime: The target's name in `checkpoint(runtime=...)`.
    """

    prefix: ClassVar[str] = "T"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "ends_bodies": "A body that runs is ended when its execution is cancelled or its time is over.",
        "separate": "Each body runs in a process of its own.",
    }
    runtime: ClassVar[str] = ""

    @pytest.fixture
    def target(self) -> Target:
        """Give the target."""
        return RuntimeTarget(self.runtime)

    @requirement("T-01", level="loads")
    def test_a_body_runs_and_its_value_comes_back(self, target: Target) -> None:
        """A body runs at the target and its value comes back.

        If this fails: look at the card's name and `load`, and whether the body's module can be imported there.
        """
        assert _value(target, bodies.own_process) > 0

    @requirement("T-02")
    def test_arguments_arrive_as_they_were_given(self, target: Target) -> None:
        """Arguments arrive by position and by name as they were given.

        If this fails: repair T-01 first.
        """
        ending = target.start(bodies.echo, 1, "two", third=[3, None]).ending()
        assert ending.value == ((1, "two"), {"third": [3, None]})

    @requirement("T-03")
    def test_values_keep_their_classes(self, target: Target) -> None:
        """Arguments and values keep their classes on the way there and back.

        If this fails: repair T-02 first; values travel through the codec, not as JSON.
        """
        given = (bodies.Parcel("a", (1.5, 2.0)), datetime(2026, 1, 2, tzinfo=UTC), Decimal("1.10"), {1, 2}, b"\x00")
        assert _value(target, bodies.echo, *given)[0] == given

    @requirement("T-04")
    def test_a_large_value_makes_the_journey(self, target: Target) -> None:
        """A value of two megabytes arrives and comes back.

        If this fails: repair T-02 first; look for a limit on arguments of a process or on a message.
        """
        given = "x" * (2 << 20)
        assert _value(target, bodies.echo, given)[0][0] == given

    @requirement("T-05")
    def test_a_coroutine_is_awaited(self, target: Target) -> None:
        """An asynchronous body runs to its end, and its value comes back.

        If this fails: repair T-01 first; run the coroutine where the body runs.
        """
        assert _value(target, bodies.greet_later, "ann") == "hello ann"

    @requirement("T-06")
    def test_an_error_keeps_its_class_and_text(self, target: Target) -> None:
        """What a body raises comes back with its class and text, as a failure of the user's code.

        If this fails: repair T-01 first.
        """
        failure = _failure(target.start(bodies.fail, "no such page").ending())
        assert failure.exception_type == "builtins:LookupError"
        assert "no such page" in failure.message
        assert failure.origin == FailureOrigin.USER_CODE

    @requirement("T-07")
    def test_a_traceback_shows_the_body(self, target: Target) -> None:
        """The traceback of a failed body shows the line that raised.

        If this fails: repair T-06 first; write the traceback down where the body ran.
        """
        failure = _failure(target.start(bodies.fail, "no such page").ending())
        assert "in fail" in (failure.traceback or "")
        assert "raise LookupError(text, 42)" in (failure.traceback or "")

    @requirement("T-08")
    def test_a_value_that_cannot_be_stored_is_a_failure(self, target: Target) -> None:
        """A body whose value cannot be stored fails with an error that says so.

        If this fails: repair T-06 first; look for a worker that dies when it writes its reply.
        """
        failure = _failure(target.start(bodies.unstorable).ending())
        assert "Encoding" in (failure.exception_type or "")

    @requirement("T-09")
    def test_bodies_run_side_by_side_without_mixing(self, target: Target) -> None:
        """Bodies that are started together each get their own arguments and give their own values.

        If this fails: repair T-02 first; look for a file or a port that two bodies share.
        """
        running = [target.start(bodies.echo, number) for number in range(4)]
        assert [one.ending().value[0] for one in running] == [(number,) for number in range(4)]

    @requirement("T-10")
    def test_a_body_sees_the_runners_environment(self, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
        """A body sees the environment variables of its runner.

        If this fails: hand the environment on; images and secrets add to it.
        """
        monkeypatch.setenv("CONFORMANCE_MARK", "seen")
        assert _value(target, bodies.read_variable, "CONFORMANCE_MARK") == "seen"

    @requirement("T-11", needs={"separate"})
    def test_a_body_has_a_process_of_its_own(self, target: Target) -> None:
        """Each body runs in another process than the runner and than the body before it.

        If this fails: do not keep workers, or do not claim `separate`.
        """
        found = {_value(target, bodies.own_process) for _ in range(2)}
        assert len(found | {os.getpid()}) == 3

    @requirement("T-12", needs={"separate"})
    def test_a_body_changes_nothing_around_it(self, target: Target) -> None:
        """What a body does to its environment, its folder and its modules reaches neither runner nor later bodies.

        If this fails: repair T-11 first.
        """
        folder = Path.cwd()
        assert [_value(target, bodies.disturb, "CONFORMANCE_DISTURBED") for _ in range(2)] == [1, 1]
        assert "CONFORMANCE_DISTURBED" not in os.environ
        assert Path.cwd() == folder
        assert bodies.MARKS == []

    @requirement("T-13", needs={"separate"})
    @pytest.mark.parametrize("how", ["killed", "exited"])
    def test_a_dead_worker_is_no_failed_body(self, target: Target, how: str) -> None:
        """A worker that died is told apart from a body that failed: its failure is the runtime's, and says how it died.

        If this fails: repair T-06 first; whoever waits for the worker must notice that there is no reply.
        """
        failure = _failure(target.start(bodies.die, how).ending())
        assert failure.origin == FailureOrigin.RUNTIME
        assert ("signal 9" if how == "killed" else "code 3") in failure.message

    @requirement("T-14", needs={"separate"})
    def test_the_runner_survives_its_workers(self, target: Target) -> None:
        """After a worker died, the next body runs as if nothing had happened.

        If this fails: repair T-13 first.
        """
        target.start(bodies.die, "killed").ending()
        assert _value(target, bodies.echo, 1) == ((1,), {})

    @requirement("T-15", needs={"ends_bodies"})
    def test_a_cancelled_body_is_ended(self, target: Target, tmp_path: Path) -> None:
        """A body whose execution is cancelled is ended soon, and the execution is cancelled.

        If this fails: repair T-01 first; look for a wait that does not watch for cancellation.
        """
        file = tmp_path / "body"
        running = target.start(bodies.announce_and_sleep, str(file), 30.0)
        _wait_for(file)
        began = time.monotonic()
        running.cancel()
        assert running.ending().status == ExecutionStatus.CANCELLED
        assert time.monotonic() - began < 10
        assert file.read_text() == "begun"

    @requirement("T-16", needs={"ends_bodies"})
    def test_a_body_whose_time_is_over_is_ended(self, target: Target, tmp_path: Path) -> None:
        """A body that takes longer than its timeout is ended, and fails with TimeoutError.

        If this fails: repair T-15 first.
        """
        file = tmp_path / "body"
        running = target.start(bodies.announce_and_sleep, str(file), 30.0, timeout=1.5)
        assert "TimeoutError" in (_failure(running.ending()).exception_type or "")
        assert not file.exists() or file.read_text() == "begun"


def _value(target: Target, body: Body, *args: object) -> Any:  # noqa: ANN401 - whatever the body returns
    ending = target.start(body, *args).ending()
    assert ending.status == ExecutionStatus.COMPLETED, ending.failure
    return ending.value


def _failure(ending: Ending) -> FailureInfo:
    assert ending.status == ExecutionStatus.FAILED
    assert ending.failure is not None
    return ending.failure


def _wait_for(file: Path) -> None:
    end = time.monotonic() + 20
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert file.exists()
