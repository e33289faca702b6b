"""Whole runs as data, and back: the record of strategy `turn`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeAlias, Union, get_origin, get_type_hints

from pydantic import PydanticSchemaGenerationError, TypeAdapter
from pydantic_ai.output import NativeOutput, PromptedOutput, TextOutput, ToolOutput
from pydantic_ai.run import AgentRunResult

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AnyResult", "dump_run", "load_run"]

AnyResult: TypeAlias = AgentRunResult[Any]
"""A result whose output has the type that its run asked for, which only the caller of the run knows."""


def dump_run(result: AgentRunResult[object], spec: object) -> tuple[object, dict[str, str]]:
    """Return a run's result as data, with the field that says how to read it back.

    Args:
        result: The result.
        spec: The run's output specification.

    Returns:
        The data, and what to carry with it.
    """
    adapter = _adapter(spec)
    if adapter is not None:
        return adapter.dump_python(result, mode="json"), {"kind": "run"}
    data = TypeAdapter(AnyResult).dump_python(replace(result, output=None, _traceparent_value=None), mode="json")
    return {"run": data, "output": result.output}, {"kind": "run_and_output"}


def load_run(data: Any, carried: object, spec: object) -> AnyResult:
    """Return the result that the caller gets, on the first run and on every rerun alike.

    Args:
        data: The data from `dump_run`, or the output that a person put in its place.
        carried: What was carried with it; nothing for a person's value.
        spec: The run's output specification.

    Returns:
        The result.
    """
    kind = carried.get("kind") if isinstance(carried, dict) else None
    if kind is None:
        return AgentRunResult(data)
    if kind == "run":
        adapter = _adapter(spec) or TypeAdapter(AnyResult)
        return adapter.validate_python(data)
    result: AnyResult = TypeAdapter(AnyResult).validate_python(data["run"])
    result.output = data["output"]
    return result


def _adapter(spec: object) -> TypeAdapter[AgentRunResult[object]] | None:
    types = list(dict.fromkeys(_output_types(spec)))
    if not types or Any in types or None in types:
        return None
    try:
        form: Any = AgentRunResult[Union[tuple(types)]]  # type: ignore[misc]  # noqa: UP007 - known at run time only
        return TypeAdapter(form)
    except (PydanticSchemaGenerationError, TypeError):
        return None


def _output_types(spec: object) -> Iterator[object]:
    """Yield the types that a run may end with; `None` where that is not known."""
    if isinstance(spec, ToolOutput):
        yield from _output_types(spec.output)
    elif isinstance(spec, (NativeOutput, PromptedOutput)):
        yield from _output_types(spec.outputs)
    elif isinstance(spec, TextOutput):
        yield _returned(spec.output_function)
    elif isinstance(spec, Sequence) and not isinstance(spec, str):
        for part in spec:
            yield from _output_types(part)
    elif isinstance(spec, (type, UnionType)) or get_origin(spec) is not None:
        yield spec
    elif inspect.isroutine(spec):
        yield _returned(spec)
    else:
        yield None


def _returned(function: object) -> object:
    try:
        return get_type_hints(function).get("return")
    except (NameError, TypeError):
        return None
