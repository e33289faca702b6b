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
import signal
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import kitaru
from kitaru import crash_points
from kitaru.errors import KitaruLeaseLostError, KitaruStateError
from kitaru.seam import current_call

pytestmark = pytest.mark.timeout(300)  # many processes, on a machine that may be busy


class _Home:
    """Folder of the present example; a fork inherits it."""

    path = Path()


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
    if value["run"] <= failures:
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


def _in_a_process(action: Any, *arguments: Any, crash: tuple[str, int] | None = None) -> tuple[Any, bool]:
    """Run an action in a fork of this process; return its answer and whether the crash killed it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reading)
            if crash is not None:
                crash_points.arm(*crash)
            os.write(writing, json.dumps(action(*arguments)).encode())
            code = 0
        except BaseException:  # noqa: BLE001 - the fork must end here, and say why
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in {0, -signal.SIGKILL}, f"{action.__name__} failed in its process"
    return json.loads(answer) if answer else None, code != 0


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


def _view_now() -> dict[str, dict[str, Any]]:
    return _in_a_process(_view)[0]


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
    asks: int | None = None

    def next_wait(self) -> int | None:
        return next(
            (op for op, (kind, _) in enumerate(self.program) if kind == "wait" and op not in self.answers), None
        )

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
                times = max(failures - count[op], 0) + 1 if kind == "flaky" else 1
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


_DURABLE = {"boundary.before_body": True, "boundary.after_body": False, "boundary.after_commit": True}
"""Whether a body that ran to its end was recorded, when the process died at this point."""


def _run_through(bodies: list[int], completed: dict[int, Any], ran: list[int]) -> list[int]:
    """Return the operations whose last body ran, in order."""
    return [op for op in dict.fromkeys(ran) if op in completed and ran.count(op) == bodies.count(op)]


class EngineMachine(RuleBasedStateMachine):
    """Programs are started, killed, continued, answered and replayed in any order."""

    @initialize()
    def open_store(self) -> None:
        _Home.path = Path(tempfile.mkdtemp(prefix="kitaru-model-"))
        store = str(_Home.path / "kitaru.db")
        # Put back afterwards: whoever runs next in this process must not find its flows run inline.
        self._environ = patch.dict(
            os.environ, KITARU_STORE=store, KITARU_CONFIG_PATH=str(_Home.path), KITARU_RUN_MODE="inline"
        )
        self._environ.start()
        self.known: dict[str, Expected] = {}
        self.given = 0

    def teardown(self) -> None:
        self._environ.stop()
        shutil.rmtree(_Home.path, ignore_errors=True)

    def _those(self, *statuses: str) -> list[str]:
        return [execution for execution, expected in self.known.items() if expected.status in statuses]

    def _one(self, number: int, *statuses: str) -> tuple[str, Expected]:
        found = self._those(*statuses)
        execution = found[number % len(found)]
        return execution, self.known[execution]

    @rule(program=_programs, crash=_crashes)
    def start(self, program: list[list[Any]], crash: tuple[str, int] | None) -> None:
        started, killed = _in_a_process(_start, program, crash=crash)
        self._adopt(started, Expected(program), crash if killed else None)

    @precondition(lambda self: self._those("failed"))
    @rule(number=_any, crash=_crashes, repair=st.booleans())
    def retry(self, number: int, crash: tuple[str, int] | None, repair: bool) -> None:  # noqa: FBT001
        execution, expected = self._one(number, "failed")
        if repair:
            (_Home.path / "repaired").touch()
        _, killed = _in_a_process(_proceed, execution, crash=crash)
        self._advance(execution, expected, crash if killed else None)

    @precondition(lambda self: self._those("failed"))
    @rule(number=_any)
    def retry_by_rivals(self, number: int) -> None:
        execution, expected = self._one(number, "failed")
        (_Home.path / "repaired").touch()
        _in_a_process(_two_at_once, execution)
        self._advance(execution, expected, None)

    @precondition(lambda self: self._those("waiting"))
    @rule(number=_any, crash=_crashes)
    def answer(self, number: int, crash: tuple[str, int] | None) -> None:
        execution, expected = self._one(number, "waiting")
        if expected.asks is None:
            return
        self.given += 1
        _, killed = _in_a_process(_answer, execution, f"op{expected.asks}", self.given, crash=crash)
        if _view_now()[execution]["pending"] is None:
            expected.answers[expected.asks] = self.given
            expected.asks = None
        else:
            assert killed, "an acknowledged answer was lost"

    @precondition(lambda self: self._those("waiting"))
    @rule(number=_any, crash=_crashes)
    def resume(self, number: int, crash: tuple[str, int] | None) -> None:
        execution, expected = self._one(number, "waiting")
        _, killed = _in_a_process(_proceed, execution, crash=crash)
        self._advance(execution, expected, crash if killed else None)

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
        name = sources[number % len(sources)]
        started, killed = _in_a_process(_replay, name, f"op{from_}", overrides, crash=crash)
        self._adopt(started, expected, crash if killed else None)

    def _adopt(self, started: str | None, expected: Expected, crash: tuple[str, int] | None) -> None:
        """Take a new execution into the model, also one whose process died before it could name it."""
        fresh = [execution for execution in _view_now() if execution not in self.known]
        assert len(fresh) <= 1
        assert started is None or fresh == [started]
        assert fresh or crash is not None
        if fresh:
            self.known[fresh[0]] = expected
            self._advance(fresh[0], expected, crash)

    def _advance(self, execution: str, expected: Expected, crash: tuple[str, int] | None) -> None:
        """Compare what happened with what the model allows, and bring the model to the same state."""
        bodies, completed, status = expected.ahead(repaired=(_Home.path / "repaired").exists())
        ran = self._ran_since(execution, expected)
        seen = _view_now()[execution]
        done = {int(name.removeprefix("op")) for name in seen["done"]}
        assert ran == bodies[: len(ran)], "bodies ran that should not have, or in another order"
        through = _run_through(bodies, completed, ran)
        assert done >= set(expected.done) | set(through[:-1]), "a completed boundary was lost"
        assert done <= set(expected.done) | set(through) | set(expected.reusable)
        if crash is None:
            assert (seen["status"], ran) == (status, bodies)
            assert done >= set(completed)
        elif crash[0] in _DURABLE and through and ran[-1] == through[-1]:
            assert (through[-1] in done) is _DURABLE[crash[0]]
        expected.asks = None if seen["pending"] is None else int(seen["pending"].removeprefix("op"))
        assert expected.asks in (
            {None, expected.next_wait()} if crash or status != "waiting" else {expected.next_wait()}
        )
        expected.runs += ran
        expected.done |= {op: (expected.reusable | completed)[op] for op in done - set(expected.done)}
        expected.status = seen["status"]

    @staticmethod
    def _ran_since(execution: str, expected: Expected) -> list[int]:
        log = _Home.path / execution
        return [int(op) for op in log.read_text().split()][len(expected.runs) :] if log.exists() else []

    @invariant()
    def results_are_those_of_the_model(self) -> None:
        if not self._those("completed"):
            return
        view = _view_now()
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


_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
EngineMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("KITARU_MODEL_EXAMPLES", "20")),
    stateful_step_count=10,
    deadline=None,
    print_blob=True,
    phases=[*_PHASES, *([Phase.shrink] if os.environ.get("KITARU_MODEL_SHRINK") else [])],
    suppress_health_check=list(HealthCheck),
)
TestEngineModel = EngineMachine.TestCase
