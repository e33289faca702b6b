"""Processes that run one action each and may be killed: `python -m kitaru_conformance.child HARNESS SOCKET`.

The program imports the harness, and with it the framework, once, then what a first run imports on its way, and loads
the plugins. It forks for every connection to its socket. The forked process carries out the action that it is sent and
answers with a line that says what came of it, if it lives so long; the program adds the exit code once the process has
ended.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import tempfile
from typing import Any, Literal

import msgspec

import kitaru
from kitaru.crash_points import arm_from_environment, disarm
from kitaru.errors import KitaruPluginError
from kitaru.hooks import get_manager
from kitaru_conformance.flows import run_here, scripted
from kitaru_conformance.loading import load_harness
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Action", "Result", "main"]

_PATIENCE = 60.0
_TELL_AFTER = 40.0
"""Seconds after which a process says where it stands, before whoever waits for it loses patience."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to do.

    Attributes:
        harness: Reference of the harness.
        verb: `start` a flow, `continue` or `replay` an execution, or run a script `here`, outside of any flow.
        environment: Its environment variables, beside those of the program.
        arguments: Inputs of the flow, or arguments of the replay.
        exec_id: The execution.
        models: For a replay: replacements of model calls, by selector.
        beside: For a start: inputs of further executions to run at the same time.
    """

    harness: str
    verb: Literal["start", "continue", "replay", "here"]
    environment: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    exec_id: str = ""
    models: dict[str, Turn] = {}
    beside: tuple[dict[str, Any], ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an action.

    Attributes:
        code: Exit code of the process; negative for the signal that killed it.
        exec_id: The execution.
        beside: Those beside it.
        answer: What `here` returned.
        error: Type and message of what it raised.
    """

    code: int = 0
    exec_id: str = ""
    beside: tuple[str, ...] = ()
    answer: dict[str, object] | None = None
    error: tuple[str, str] | None = None


def main(harness: str, path: str) -> None:
    """Serve actions until the parent has gone.

    Args:
        harness: Reference of the harness to import ahead; actions may name others.
        path: Where to listen.
    """
    parent = os.getppid()
    load_harness(harness)
    _import_ahead(harness)
    _load_ahead()
    gc.freeze()  # what is there now is never looked at again, so the processes can share it
    with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as selector:
        listening.bind(path)
        listening.listen()
        selector.register(listening, selectors.EVENT_READ)
        selector.register(_bell(), selectors.EVENT_READ)
        running: dict[int, socket.socket] = {}
        while os.getppid() == parent:
            for key, _ in selector.select(1):
                if key.fileobj is listening:
                    _begin(listening, running)
                else:
                    os.read(key.fd, 4096)
            _end(running)


def _bell() -> int:
    """Return what becomes readable when a process has ended."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reading


def _begin(listening: socket.socket, running: dict[int, socket.socket]) -> None:
    """Fork a process that carries out what comes over a new connection."""
    connection, _ = listening.accept()
    child = os.fork()
    if child:
        running[child] = connection
        return
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for other in (listening, *running.values()):
        other.close()  # or a client would hear the end of its own process only with the end of this one
    faulthandler.dump_traceback_later(_TELL_AFTER)
    _behave(connection)


def _end(running: dict[int, socket.socket]) -> None:
    """Tell the clients of processes that have ended how they ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            with running.pop(child) as connection, contextlib.suppress(OSError):
                connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _import_ahead(harness: str) -> None:
    """Import what a run imports, as a process that is thrown away shows; a run in this one would start threads."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        with tempfile.TemporaryDirectory(prefix="kitaru-") as folder:
            os.environ |= {"KITARU_CONFIG_PATH": folder, "KITARU_STORE": f"{folder}/kitaru.db"}
            known = set(sys.modules)
            settings = {"strategy": load_harness(harness).granular or load_harness(harness).whole or ""}
            script = Script(turns=(Turn(calls=(ToolCall("a", "1", "c1"),)), Turn(text="done")), tools=(Tool(name="a"),))
            arguments = {"script": script.encode(), "ledger": f"{folder}/ledger", "settings": settings}
            _carry_out(Action(harness=harness, verb="start", arguments=arguments))
            os.write(writing, "\n".join(sys.modules.keys() - known).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as names:
        for name in names.read().split():
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    os.wait()


def _load_ahead() -> None:
    """Do what every process would do once for itself: load the plugins, and read the flow's source."""
    with contextlib.suppress(KitaruPluginError):  # where one is broken, each process is to say so
        get_manager()
    scripted.code()


def _behave(connection: socket.socket) -> None:
    code = 1
    try:
        os.setsid()
        with connection.makefile("rwb") as stream:
            action = msgspec.json.decode(stream.readline(), type=Action)
            os.environ.update(action.environment)
            disarm()
            arm_from_environment()
            stream.write(msgspec.json.encode(_carry_out(action)) + b"\n")
        code = 0
    finally:
        os._exit(code)


def _carry_out(action: Action) -> Result:
    try:
        if action.verb == "here":
            return Result(answer=run_here(action.harness, **action.arguments))
        exec_id, *beside = _execute(action)
        return Result(exec_id=exec_id, beside=tuple(beside))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to see it
        return Result(error=(f"{type(error).__module__}:{type(error).__qualname__}", str(error)))


def _execute(action: Action) -> list[str]:
    executions = kitaru.KitaruClient().executions
    if action.verb == "start":
        made = [scripted.run(action.harness, **one).exec_id for one in (action.arguments, *action.beside)]
    elif action.verb == "replay":
        made = [_replay(action).exec_id]
    else:
        made = [action.exec_id]
        go_on = executions.resume if executions.get(action.exec_id).status == "waiting" else executions.retry
        go_on(action.exec_id, block=True)
    for exec_id in made:
        executions.wait(exec_id, timeout=_PATIENCE)
    return made


def _replay(action: Action) -> kitaru.Execution:
    one = load_harness(action.harness)
    models = {selector: one.model_value(turn) for selector, turn in action.models.items()}
    arguments = dict(action.arguments)
    overrides = arguments.pop("overrides", {}) | models
    found = kitaru.KitaruClient().executions.replay(action.exec_id, overrides=overrides or None, **arguments)
    if not isinstance(found, kitaru.Execution):
        msg = "A dry run derives no execution."
        raise TypeError(msg)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
