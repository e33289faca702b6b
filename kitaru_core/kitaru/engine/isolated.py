"""A checkpoint body at another place: what it needs is written down as an order, what it gives comes as a reply."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.artifacts.codecs import decode, encode
from kitaru.engine import failures
from kitaru.errors import FailureOrigin
from kitaru.records.failure import Failure
from kitaru.secrets.registry import secret_environment
from kitaru.settings.masking import MASK
from kitaru.stacks.registry import isolated_target
from kitaru.targets.api import INLINE, Task
from kitaru.targets.registry import find_target

if TYPE_CHECKING:
    from kitaru.engine.call import Call
from kitaru.targets.api import ExecutionTarget

__all__ = ["Order", "Reply", "describe_failure", "run_elsewhere"]

_log = logging.getLogger("kitaru")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is to do.

    Attributes:
        module: Module of the checkpoint.
        qualname: Its qualified name there.
        file: Its source file.
        path: The import path of the flow's process.
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
    """What the worker has to say.

    Attributes:
        codec: Codec of the value.
        value: The encoded value.
        failure: What went wrong instead.
    """

    codec: str = "none"
    value: bytes = b""
    failure: Failure | None = None


def run_elsewhere(call: Call, function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the function's value
    """Run a checkpoint function at the target its call names and return its value.

    Args:
        call: The call.
        function: The function; it must be importable by its module and qualified name.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Raises:
        KitaruWorkerDiedError: The worker died before it could reply.
        KitaruRuntimeError: The worker could not find the function.
        ExecutionCancelled: The execution was cancelled; the worker was ended.
        Exception: What the function raised.
    """
    encoded = encode([list(args), dict(kwargs)], path="arguments")
    module = sys.modules.get(function.__module__)
    order = msgspec.json.encode(
        Order(
            module=function.__module__,
            qualname=function.__qualname__,
            file=getattr(module, "__file__", None),
            path=sys.path,
            codec=encoded.codec,
            arguments=encoded.data,
        )
    )
    task = Task(
        execution_id=call.execution_id,
        invocation_id=call.invocation_id,
        call_id=call.call_id,
        attempt=call.attempt,
        order=order,
        environment=_environment(call),
        timeout=call.unit.timeout,
        check=call.raise_if_cancelled,
        carry_out=partial(_carry_out, order),
    )
    reply = msgspec.json.decode(_target(call).run(task), type=Reply)
    if reply.failure is not None:
        raise failures.rebuild(reply.failure, note=f"In the worker:\n{reply.failure.traceback}")
    return decode(reply.codec, reply.value)


def _target(call: Call) -> ExecutionTarget:
    word = call.unit.runtime or INLINE
    return find_target(isolated_target(call.run.facts.settings.get("stack")) if word == "isolated" else word)


def _carry_out(order: bytes) -> bytes:
    from kitaru.engine.isolated_child import carry_out

    return carry_out(order)


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
    return {**extra, **secrets}


def describe_failure(error: BaseException) -> Failure:
    """Write down what a body raised, in the worker."""
    return failures.describe(error, FailureOrigin.USER_CODE)
