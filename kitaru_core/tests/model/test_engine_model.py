"""A state machine drives the engine and a small reference model side by side.

Every action happens in a process of its own, and a crash is a real SIGKILL at a named point. What the model cannot
know, namely where inside a commit the process died, is read back from the journal and must be one of the states that
the model allows; everything else it predicts exactly, down to the order in which bodies run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import kitaru
from kitaru import crash_points
from kitaru.errors import KitaruLeaseLostError, KitaruStateError
from kitaru.seam import current_call


class _Home:
    """Folder of the present example; a fork inherits it."""

    path = Path()


_COMMITTED = {"boundary.before_body": False, "boundary.after_body": False, "boundary.after_commit": True}


def _ran(op: int) -> dict[str, int]:
    """Note that a body runs; its value says which run of the body it was."""
    execution = current_call().execution_id
    log = _Home.path / execution
    before = log.read_text().split() if log.exists() else []
    with log.open("a") as file:
        file.write(f"{op}\n")
    return {"op": op, "run": before.count(str(op)) + 1}


@kitaru.checkpoint
def step(op: int) -> dict[str, int]:
    return _ran(op)


@kitaru.checkpoint(retries=2)
def flaky(op: int, failures: int) -> dict[str, int]:
    value = _ran(op)
    if current_call().attempt <= failures:
        raise ConnectionError(op)
    return value


@kitaru.checkpoint
def broken(op: int) -> dict[str, int]:
    value = _ran(op)
    if not (_Home.path / "repaired").exists():
        raise RuntimeError(op)
    return value


def _carry_out(op: int, kind: str, failures: int) -> object:
    if kind == "step":
        return step(op, id=f"op{op}")
    if kind == "flaky":
        return flaky(op, failures, id=f"op{op}")
    if kind == "broken":
        return broken(op, id=f"op{op}")
    return kitaru.wait(schema=int, name=f"op{op}", timeout=0)


@kitaru.flow
def modelled(program: list[list[Any]]) -> list[Any]:
    return [_carry_out(op, kind, failures) for op, (kind, failures) in enumerate(program)]


def _in_a_process(action: Any, *arguments: Any, crash: tuple[str, int] | None = None) -> Any:
    """Run an action in a fork of this process; `None` when the crash killed it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            if crash is not None:
                crash_points.arm(*crash)
            answer = action(*arguments)
            os.write(writing, json.dumps(answer).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"{action.__name__} failed in its process"
    return json.loads(answer) if answer else None


def _start(program: list[list[Any]]) -> str:
    return modelled.run(program).exec_id


def _proceed(execution: str) -> None:
    executions = kitaru.KitaruClient().executions
    with contextlib.suppress(KitaruStateError, KitaruLeaseLostError):
        if executions.get(execution).status == "failed":
            executions.retry(execution, block=True)
        else:
            executions.resume(execution, block=True)


def _answer(execution: str, wait: str, value: int) -> None:
    kitaru.KitaruClient().executions.input(execution, wait=wait, value=value)


def _replay(source: str, anchor: str, overrides: dict[str, Any]) -> str:
    return modelled.replay(source, from_=anchor, overrides=overrides or None).exec_id


def _view() -> dict[str, dict[str, Any]]:
    executions = kitaru.KitaruClient().executions
    return {listed.exec_id: _seen(executions.get(listed.exec_id)) for listed in executions.list()}


def _seen(execution: Any) -> dict[str, Any]:
    return {
        "status": str(execution.status),
        "done": [call.invocation_id for call in execution.checkpoints if call.status == "completed"],
        "pending": execution.pending_wait.name if execution.pending_wait is not None else None,
        "result": execution.result() if execution.status == "completed" else None,
    }


@dataclass
class Expected:
    """What the model knows about one execution."""

    program: list[list[Any]]
    done: dict[int, Any] = field(default_factory=dict)
    reusable: dict[int, Any] = field(default_factory=dict)
    answers: dict[int, int] = field(default_factory=dict)
    runs: list[int] = field(default_factory=list)
    status: str = "created"

    def ahead(self, *, repaired: bool) -> tuple[list[int], dict[int, Any], str]:
        """Return the bodies that a run without a crash executes, what they complete, and the status it ends in."""
        bodies: list[int] = []
        completed: dict[int, Any] = {}
        count = Counter(self.runs)
        for op, (kind, failures) in enumerate(self.program):
            if kind == "wait":
                if op not in self.answers:
                    return bodies, completed, "waiting"
            elif op in self.reusable:
                completed[op] = self.reusable[op]
            elif op not in self.done:
                times = failures + 1 if kind == "flaky" else 1
                bodies += [op] * times
                if kind == "broken" and not repaired:
                    return bodies, completed, "failed"
                completed[op] = {"op": op, "run": count[op] + times}
        return bodies, completed, "completed"

    def result(self) -> list[Any]:
        return [self.answers[op] if kind == "wait" else self.done[op] for op, (kind, _) in enumerate(self.program)]


_KINDS = ("step", "step", "flaky", "broken", "wait")
_programs = st.lists(
    st.sampled_from(_KINDS).flatmap(lambda kind: st.tuples(st.just(kind), st.integers(0, 2)).map(list)),
    min_size=1,
    max_size=5,
)
_crashes = st.none() | st.tuples(st.sampled_from(crash_points.POINTS), st.integers(1, 4))
_any = st.integers(0, 1_000_000)


class EngineMachine(RuleBasedStateMachine):
    """Programs are started, killed, continued, answered and replayed in any order."""

    @initialize()
    def open_store(self) -> None:
        _Home.path = Path(tempfile.mkdtemp(prefix="kitaru-model-"))
        os.environ.update(
            KITARU_STORE=str(_Home.path / "kitaru.db"), KITARU_CONFIG_PATH=str(_Home.path), KITARU_RUN_MODE="inline"
        )
        self.known: dict[str, Expected] = {}
        self.given = 0

    def teardown(self) -> None:
        shutil.rmtree(_Home.path, ignore_errors=True)

    def _those(self, *statuses: str) -> list[str]:
        return [execution for execution, expected in self.known.items() if expected.status in statuses]

    def _one(self, number: int, *statuses: str) -> tuple[str, Expected]:
        found = self._those(*statuses)
        execution = found[number % len(found)]
        return execution, self.known[execution]

    def _has_resumable(self) -> bool:
        return any(self._pending(expected) is None for expected in self.known.values() if expected.status == "waiting")

    @staticmethod
    def _pending(expected: Expected) -> int | None:
        open_ones = (
            op for op, (kind, _) in enumerate(expected.program) if kind == "wait" and op not in expected.answers
        )
        first = next(open_ones, None)
        return first if first is not None and expected.status == "waiting" else None

    @rule(program=_programs, crash=_crashes)
    def start(self, program: list[list[Any]], crash: tuple[str, int] | None) -> None:
        started = _in_a_process(_start, program, crash=crash)
        self._adopt(started, Expected(program), crash)

    @precondition(lambda self: self._those("failed"))
    @rule(number=_any, crash=_crashes, repair=st.booleans(), rivals=st.booleans())
    def retry(self, number: int, crash: tuple[str, int] | None, repair: bool, rivals: bool) -> None:  # noqa: FBT001
        execution, expected = self._one(number, "failed")
        if repair:
            (_Home.path / "repaired").touch()
        if rivals:
            crash = None
            _in_a_process(_two_at_once, execution)
        else:
            _in_a_process(_proceed, execution, crash=crash)
        self._advance(execution, expected, crash)

    @precondition(lambda self: self._those("waiting"))
    @rule(number=_any, crash=_crashes)
    def answer_and_resume(self, number: int, crash: tuple[str, int] | None) -> None:
        execution, expected = self._one(number, "waiting")
        waiting = self._pending(expected)
        if waiting is not None:
            self.given += 1
            _in_a_process(_answer, execution, f"op{waiting}", self.given, crash=crash)
            if _in_a_process(_view)[execution]["pending"] is not None:
                assert crash is not None, "an acknowledged answer was lost"
                return
            expected.answers[waiting] = self.given
            crash = None
        _in_a_process(_proceed, execution, crash=crash)
        self._advance(execution, expected, crash)

    @precondition(lambda self: any(expected.done for expected in self.known.values()))
    @rule(number=_any, anchor=_any, override=st.none() | _any, crash=_crashes)
    def replay(self, number: int, anchor: int, override: int | None, crash: tuple[str, int] | None) -> None:
        sources = [execution for execution, expected in self.known.items() if expected.done]
        source = self.known[sources[number % len(sources)]]
        done = sorted(source.done)
        from_ = done[anchor % len(done)]
        over = None if override is None else done[override % len(done)]
        edge = from_ if over is None else min(from_, over)
        expected = Expected(source.program, reusable={op: value for op, value in source.done.items() if op < edge})
        overrides = {}
        if over is not None:
            expected.reusable[over] = {"op": over, "run": -1}
            overrides[f"checkpoint.op{over}"] = expected.reusable[over]
        started = _in_a_process(_replay, sources[number % len(sources)], f"op{from_}", overrides, crash=crash)
        self._adopt(started, expected, crash)

    def _adopt(self, started: str | None, expected: Expected, crash: tuple[str, int] | None) -> None:
        """Take a new execution into the model, also one whose process died before it could name it."""
        fresh = [execution for execution in _in_a_process(_view) if execution not in self.known]
        assert len(fresh) <= 1
        assert started is None or fresh == [started]
        assert fresh or crash is not None
        if fresh:
            self.known[fresh[0]] = expected
            self._advance(fresh[0], expected, crash)

    def _advance(self, execution: str, expected: Expected, crash: tuple[str, int] | None) -> None:
        """Compare what happened with what the model allows, and bring the model to the same state."""
        repaired = (_Home.path / "repaired").exists()
        bodies, completed, status = expected.ahead(repaired=repaired)
        log = _Home.path / execution
        ran = [int(op) for op in log.read_text().split()][len(expected.runs) :] if log.exists() else []
        seen = _in_a_process(_view)[execution]
        done = {int(name.removeprefix("op")) for name in seen["done"]}
        assert ran == bodies[: len(ran)], "bodies ran that should not have, or in another order"
        assert done >= set(expected.done), "a completed boundary was lost"
        assert done <= set(expected.done) | set(completed)
        if crash is None or seen["status"] == status:
            assert seen["status"] == status
            assert status != "completed" or ran == bodies
        if crash is not None and ran and crash[0] in _COMMITTED and len(ran) < len(bodies):
            assert (ran[-1] in done) in {_COMMITTED[crash[0]], ran[-1] != bodies[len(ran) - 1]} or ran[-1] in ran[:-1]
        expected.runs += ran
        expected.done |= {op: completed[op] for op in done - set(expected.done)}
        expected.status = seen["status"]

    @invariant()
    def results_are_those_of_the_model(self) -> None:
        if not self._those("completed"):
            return
        view = _in_a_process(_view)
        for execution in self._those("completed"):
            assert view[execution]["result"] == self.known[execution].result()


def _two_at_once(execution: str) -> None:
    """Two processes try to continue the same execution; one of them must be refused."""
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            _proceed(execution)
            os._exit(0)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0]


EngineMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("KITARU_MODEL_EXAMPLES", "20")),
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestEngineModel = EngineMachine.TestCase
