"""What a tool call comes to: a value, or one of the framework's signals written down as data."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_ai.exceptions import (
    ApprovalRequired,
    CallDeferred,
    ModelRetry,
    RunCancelled,
    RunTimedOut,
    ToolFailed,
)
from pydantic_ai.usage import RunUsage
from pydantic_core import PydanticCustomError, PydanticSerializationError, to_jsonable_python

from kitaru_adapters.pydantic_ai.codec import dump_result, load_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from pydantic_core import InitErrorDetails

    _Fields: TypeAlias = Mapping[str, Any]  # what _signal_fields or _validation_fields wrote, read back

__all__ = ["add_usage", "private_usage", "record_outcome", "replay_outcome", "usage_delta"]

_USAGE: TypeAdapter[RunUsage] = TypeAdapter(RunUsage)
_SIGNALS = (ApprovalRequired, CallDeferred, ModelRetry, ToolFailed, RunCancelled, ValidationError)


async def record_outcome(running: Awaitable[object], *, tool: str) -> tuple[object, dict[str, object]]:
    """Await a tool call and return what it came to as data.

    Args:
        running: The call.
        tool: Name of the tool, for errors.

    Returns:
        The value as data, and the fields that say how to read it; signals are fields without a value.

    Raises:
        Exception: What the tool raised, if it is no signal of the framework.
    """
    try:
        kind, data = dump_result(await running, tool=tool)
    except _SIGNALS as signal:
        return None, _signal_fields(signal)
    return data, {"kind": kind}


def _signal_fields(signal: BaseException) -> dict[str, object]:
    match signal:
        case ApprovalRequired():
            return {"kind": "approval_required", "metadata": _jsonable(signal.metadata)}
        case CallDeferred():
            waits_for = getattr(signal, "kind", "external")
            return {"kind": "call_deferred", "waits_for": waits_for, "metadata": _jsonable(signal.metadata)}
        case RunCancelled():
            kind = "run_timed_out" if isinstance(signal, RunTimedOut) else "run_cancelled"
            return {"kind": kind, "message": signal.message}
        case ModelRetry() | ToolFailed():
            return {
                "kind": "model_retry" if isinstance(signal, ModelRetry) else "tool_failed",
                "message": signal.message,
            }
        case _:
            return _validation_fields(cast("ValidationError", signal))


def _validation_fields(error: ValidationError) -> dict[str, object]:
    errors = [
        {"type": detail["type"], "loc": list(detail["loc"]), "msg": detail["msg"], "input": _jsonable(detail["input"])}
        for detail in error.errors(include_url=False, include_context=False)
    ]
    return {"kind": "validation_error", "title": error.title, "errors": errors}


def _jsonable(value: object) -> object:
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError:
        return {"type": f"{type(value).__module__}.{type(value).__qualname__}"}


def replay_outcome(data: object, carried: object) -> object:
    """Hand an outcome to the framework: return the value, or raise the signal.

    Args:
        data: The recorded value, or what a person put in its place.
        carried: The fields recorded with it; nothing for a value that a person put there.

    Returns:
        What the tool call returns.

    Raises:
        Exception: The framework's signal, if the call came to one.
    """
    fields: _Fields = carried if isinstance(carried, dict) else {}
    match fields.get("kind"):
        case "model_retry":
            raise ModelRetry(fields["message"])
        case "tool_failed":
            raise ToolFailed(fields["message"])
        case "approval_required":
            raise ApprovalRequired(metadata=fields["metadata"])
        case "call_deferred":
            raise _deferred(fields)
        case "run_cancelled":
            raise RunCancelled(fields["message"])
        case "run_timed_out":
            raise RunTimedOut(fields["message"])
        case "validation_error":
            raise _validation_error(fields)
        case kind:
            return load_result(kind, data)


def _deferred(fields: _Fields) -> CallDeferred:
    if fields["waits_for"] == "external":
        return CallDeferred(metadata=fields["metadata"])
    return CallDeferred(metadata=fields["metadata"], kind=fields["waits_for"])


def _validation_error(fields: _Fields) -> ValidationError:
    details: list[InitErrorDetails] = [
        {
            "type": PydanticCustomError(error["type"], "{message}", {"message": error["msg"]}),
            "loc": tuple(error["loc"]),
            "input": error["input"],
        }
        for error in fields["errors"]
    ]
    return ValidationError.from_exception_data(fields["title"], details)


def private_usage(usage: RunUsage) -> RunUsage:
    """Return a copy of the usage that can grow by itself; what providers add of their own is copied as well."""
    return copy(usage)


def usage_delta(before: RunUsage, after: RunUsage) -> object:
    """Return by how much a private copy of the usage grew, as data; `None` when it did not."""
    if after == before:
        return None
    delta = after - before
    return _USAGE.dump_python(delta, mode="json", exclude_defaults=True) if delta.has_values() else None


def add_usage(usage: RunUsage, carried: object) -> None:
    """Add the recorded growth to the run's usage, on the first run and on reuse alike.

    Args:
        usage: Usage of the run.
        carried: The fields recorded with an outcome.
    """
    delta = carried.get("usage") if isinstance(carried, dict) else None
    if delta is not None:
        usage.incr(_USAGE.validate_python(delta))
