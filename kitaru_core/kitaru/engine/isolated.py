"""A checkpoint body in a fresh child process, so that its crash does not take the runner along."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from kitaru.artifacts.codecs import decode, encode
from kitaru.engine import failures
from kitaru.errors import FailureOrigin, KitaruWorkerDiedError
from kitaru.records.failure import Failure
from kitaru.secrets.registry import secret_environment
from kitaru.settings.masking import MASK

if TYPE_CHECKING:
    from kitaru.engine.call import Call

__all__ = ["Order", "Reply", "run_isolated"]

_GRACE = 2.0

_log = logging.getLogger("kitaru")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to do.

    Attributes:
        module: Module of the checkpoint.
        qualname: Its qualified name there.
        file: Its source file.
        path: The import path of the parent.
        codec: Codec of the arguments.
        arguments: The encoded arguments, `[args, kwargs]`.
    """

    module: str
    qualname: str
    file: str | None
    path: list[str]
    codec: str
    arguments: bytes


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the child has to say.

    Attributes:
        codec: Codec of the value.
        value: The encoded value.
        failure: What went wrong instead.
    """

    codec: str = "none"
    value: bytes = b""
    failure: Failure | None = None


def run_isolated(call: Call, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the function's value
    """Run a checkpoint function in a child process and return its value.

    Args:
        call: The call.
        function: The function; it must be importable by its module and qualified name.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Raises:
        KitaruWorkerDiedError: The child died before it could reply.
        ExecutionCancelled: The execution was cancelled; the child was ended.
        Exception: What the function raised.
    """
    encoded = encode([list(args), dict(kwargs)], path="arguments")
    module = sys.modules.get(function.__module__)
    order = Order(
        module=function.__module__,
        qualname=function.__qualname__,
        file=getattr(module, "__file__", None),
        path=sys.path,
        codec=encoded.codec,
        arguments=encoded.data,
    )
    with tempfile.TemporaryDirectory(prefix="kitaru-") as folder:
        given, answer = Path(folder, "order"), Path(folder, "reply")
        given.write_bytes(msgspec.json.encode(order))
        command = [sys.executable, "-m", "kitaru.engine.isolated_child", str(given), str(answer)]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=_environment(call))  # noqa: S603 - our own interpreter and module
        _attend(call, child)
        if not answer.exists():
            _died(call, child.returncode)
        reply = msgspec.json.decode(answer.read_bytes(), type=Reply)
    if reply.failure is not None:
        raise failures.rebuild(reply.failure, note=f"In the child process:\n{reply.failure.traceback}")
    return decode(reply.codec, reply.value)


def _environment(call: Call) -> dict[str, str]:
    image = call.run.facts.settings.get("image") or {}
    extra = {name: value for name, value in image.get("environment", {}).items() if value != MASK}
    withheld = image.get("environment", {}).keys() - extra.keys()
    secrets = secret_environment(image.get("secret_environment_from", ()))
    if missing := sorted(withheld - secrets.keys()):
        _log.warning(
            "Checkpoint %s runs without the image's %s: such values are not kept with an execution. Put them into a "
            "secret, and name it in the image's secret_environment_from.",
            call.invocation_id,
            ", ".join(missing),
        )
    environment = {**os.environ, **extra, **secrets}
    environment.pop("KITARU_CRASH_AT", None)
    return environment


def _attend(call: Call, child: subprocess.Popen[bytes]) -> None:
    end = None if call.unit.timeout is None else time.monotonic() + call.unit.timeout
    try:
        while True:
            try:
                child.wait(0.05)
            except subprocess.TimeoutExpired:
                call.raise_if_cancelled()
                if end is not None and time.monotonic() > end:
                    msg = (
                        f"Checkpoint {call.invocation_id!r} took longer than its timeout of {call.unit.timeout:g} s "
                        "and was ended."
                    )
                    raise TimeoutError(msg) from None
            else:
                return
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(_GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _died(call: Call, code: int | None) -> NoReturn:
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
    msg = (
        f"The child process of checkpoint {call.invocation_id!r} {how} before it could reply. The runner is unharmed; "
        "retry the execution, or give the checkpoint retries."
    )
    raise KitaruWorkerDiedError(msg, exit_code=code)


def describe_failure(error: BaseException) -> Failure:
    """Write down what a body raised, in the child."""
    return failures.describe(error, FailureOrigin.USER_CODE)
