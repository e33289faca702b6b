"""Processes that run one action each and may be killed: `python -m kitaru_conformance.child HARNESS SOCKET`.

The program imports the harness, and with it the framework, once. It forks for every connection to its socket; the
forked process carries out the action that it is sent and answers with what came of it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any, Literal

import msgspec

import kitaru
from kitaru.crash_points import arm_from_environment, disarm
from kitaru_conformance.flows import run_here, scripted
from kitaru_conformance.loading import load_harness
from kitaru_conformance.script import Turn

__all__ = ["Action", "Result", "main"]

_PATIENCE = 60.0


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to do.

    Attributes:
        verb: `start` a flow, `continue` or `replay` an execution, or run a script `here`, outside of any flow.
        environment: Its environment variables, beside those of the program.
        arguments: Inputs of the flow, or arguments of the replay.
        exec_id: The execution.
        models: For a replay: replacements of model calls, by selector.
    """

    verb: Literal["start", "continue", "replay", "here"]
    environment: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    exec_id: str = ""
    models: dict[str, Turn] = {}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an action.

    Attributes:
        code: Exit code of the process; negative for the signal that killed it.
        exec_id: The execution.
        answer: What `here` returned.
        error: Type and message of what it raised.
    """

    code: int = 0
    exec_id: str = ""
    answer: dict[str, object] | None = None
    error: tuple[str, str] | None = None


def main(harness: str, path: str) -> None:
    """Serve actions until the parent has gone.

    Args:
        harness: Reference of the harness.
        path: Where to listen.
    """
    load_harness(harness)
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        listening.settimeout(1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while os.getppid() == parent:
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            with connection:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listening.close()
                    os._exit(_attend(harness, connection))


def _attend(harness: str, connection: socket.socket) -> int:
    """Carry an action out in a process of its own, and send what became of it."""
    connection.settimeout(None)
    with connection.makefile("rwb") as stream:
        action = msgspec.json.decode(stream.readline(), type=Action)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _behave(harness, action, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            data = answer.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        result = msgspec.json.decode(data, type=Result) if data else Result()
        stream.write(msgspec.json.encode(msgspec.structs.replace(result, code=code)))
    return 0


def _behave(harness: str, action: Action, writing: int) -> None:
    os.setsid()
    os.environ.update(action.environment)
    disarm()
    arm_from_environment()
    code = 1
    try:
        result = _carry_out(harness, action)
        os.write(writing, msgspec.json.encode(result))
        code = 0
    finally:
        os._exit(code)


def _carry_out(harness: str, action: Action) -> Result:
    try:
        if action.verb == "here":
            return Result(answer=run_here(harness, **action.arguments))
        return Result(exec_id=_execute(harness, action))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to see it
        return Result(error=(f"{type(error).__module__}:{type(error).__qualname__}", str(error)))


def _execute(harness: str, action: Action) -> str:
    executions = kitaru.KitaruClient().executions
    if action.verb == "start":
        exec_id = scripted.run(harness, **action.arguments).exec_id
    elif action.verb == "replay":
        one = load_harness(harness)
        models = {selector: one.model_value(turn) for selector, turn in action.models.items()}
        arguments = dict(action.arguments)
        overrides = arguments.pop("overrides", {}) | models
        exec_id = executions.replay(action.exec_id, overrides=overrides or None, **arguments).exec_id
    else:
        exec_id = action.exec_id
        go_on = executions.resume if executions.get(exec_id).status == "waiting" else executions.retry
        go_on(exec_id, block=True)
    executions.wait(exec_id, timeout=_PATIENCE)
    return exec_id


if __name__ == "__main__":
    main(*sys.argv[1:])
