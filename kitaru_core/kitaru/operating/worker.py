"""A process of its own that continues or derives an execution, so that the process that asked may end.

The worker says once, on a pipe of its own, whether the execution is under way; from then on it only runs it. What the
flow prints goes to the error stream of whoever asked, or nowhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, cast

import msgspec

from kitaru import errors
from kitaru.errors import KitaruError, KitaruRuntimeError
from kitaru.records.plain import JsonMapping

__all__ = ["main", "start_worker"]


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's one message.

    Attributes:
        execution_id: The execution that is under way.
        error: Or: why it is not.
        error_type: Class of that error.
    """

    execution_id: str = ""
    error: str = ""
    error_type: str = ""


def start_worker(
    verb: str, execution_id: str, options: Mapping[str, object] | None = None, *, quiet: bool = True
) -> str:
    """Start a worker and wait until its execution is under way.

    Args:
        verb: `retry`, `resume` or `replay`.
        execution_id: The execution, for a replay its source.
        options: For a replay: `from_`, `overrides` and `inputs`.
        quiet: Whether what the flow prints goes nowhere, instead of to this process's error stream.

    Returns:
        Id of the execution under way.

    Raises:
        KitaruError: Why the execution cannot be continued; of the class the worker met.
    """
    reading, writing = os.pipe()
    order = msgspec.json.encode({"verb": verb, "execution_id": execution_id, "options": options or {}})
    # The order may hold values that nobody should read in a list of processes, so it goes through a pipe.
    command = [sys.executable, "-m", "kitaru.operating.worker", str(writing)]
    sink = subprocess.DEVNULL if quiet else sys.stderr.fileno()
    try:
        worker = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            pass_fds=(writing,),
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        # One that has died takes no order, and says nothing.
        with suppress(BrokenPipeError), cast("IO[bytes]", worker.stdin) as orders:
            orders.write(order)
        message = pipe.read()
    if not message:
        code = worker.wait()
        msg = f"The worker for execution {execution_id} ended with code {code} before it said anything; try again."
        raise KitaruRuntimeError(msg)
    accepted = msgspec.json.decode(message, type=Accepted)
    if accepted.error:
        worker.wait()
        raise _error(accepted)
    return accepted.execution_id


def _error(accepted: Accepted) -> KitaruError:
    found: object = getattr(errors, accepted.error_type, None)
    if isinstance(found, type) and issubclass(found, KitaruError):
        return found(accepted.error)
    return KitaruRuntimeError(f"{accepted.error_type}: {accepted.error}")


def _carry_out(order: JsonMapping) -> str:
    from kitaru.operating.client import KitaruClient

    executions = KitaruClient(surface="worker").executions
    options = order["options"]
    if order["verb"] == "retry":
        return executions.retry(order["execution_id"]).exec_id
    if order["verb"] == "resume":
        return executions.resume(order["execution_id"]).exec_id
    execution = executions.replay(
        order["execution_id"],
        from_=options["from_"],
        overrides=options.get("overrides") or None,
        **(options.get("inputs") or {}),
    )
    return str(execution.exec_id)


def main(pipe: str, order: bytes) -> None:
    """Carry out an order, say once whether it is under way, and stay until it has ended.

    Args:
        pipe: Number of the file descriptor to say it on.
        order: The order, a JSON object.
    """
    with os.fdopen(int(pipe), "wb") as answer:
        try:
            message = Accepted(execution_id=_carry_out(msgspec.json.decode(order)))
        except Exception as error:  # noqa: BLE001 - told to the process that asked
            message = Accepted(error=str(error) or type(error).__name__, error_type=type(error).__name__)
        answer.write(msgspec.json.encode(message))


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.buffer.read())
