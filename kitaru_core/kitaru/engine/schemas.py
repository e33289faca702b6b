"""The form an answer must have: turning what a flow wrote into a JSON schema, and checking answers against it."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from kitaru.deferred import jsonschema, pydantic, pydantic_core, referencing
from kitaru.errors import KitaruUsageError, KitaruWaitValidationError
from kitaru.records.plain import JsonMapping, JsonObject

__all__ = ["answer_for", "check_answer", "check_schema", "json_schema", "misfit", "plain", "type_adapter"]

_SIMPLE: dict[object, JsonObject] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
}


def json_schema(schema: object) -> JsonObject | None:
    """Return the JSON schema of what a flow asks for.

    Args:
        schema: A type or annotation that pydantic takes, a JSON schema as a dict, or `None` for a gate.

    Raises:
        KitaruUsageError: It is none of these.
    """
    if schema is None:
        return None
    if isinstance(schema, Mapping):
        check_schema(schema, "wait(schema=)")
        return dict(schema)
    if isinstance(schema, type) and schema in _SIMPLE:
        return dict(_SIMPLE[schema])
    try:
        return cast("JsonObject", type_adapter(schema).json_schema())
    except Exception as error:
        msg = (
            f"wait(schema={schema!r}) cannot be turned into a JSON schema ({type(error).__name__}: {error}). Use a "
            "type "
            "pydantic knows, a JSON schema as a dict, or None for a gate that only asks to continue."
        )
        raise KitaruUsageError(msg) from error


def type_adapter(schema: object) -> Any:  # noqa: ANN401 - pydantic's adapter of a type known only at run time
    """Return pydantic's adapter of a type or annotation.

    Raises:
        Exception: Whatever pydantic says of a type it does not take.
    """
    wanted: Any = schema
    if typing.is_typeddict(schema):
        import typing_extensions

        # Before Python 3.12 pydantic takes only the TypedDict of typing_extensions.
        hints = typing_extensions.get_type_hints(schema, include_extras=True)
        wanted = types.new_class(
            wanted.__name__,
            (typing_extensions.TypedDict,),
            {"total": wanted.__total__},
            lambda namespace: namespace.update(__annotations__=hints),
        )
    return pydantic.TypeAdapter(wanted)


def plain(value: object) -> object:
    """Return an answer as plain JSON data: instances of models, dataclasses and enums become what JSON has for them.

    Raises:
        KitaruWaitValidationError: It cannot become JSON.
    """
    if value is None or (isinstance(value, bool | int | float | str) and type(value) in {bool, int, float, str}):
        return value
    try:
        return msgspec.json.decode(msgspec.json.encode(pydantic_core.to_jsonable_python(value)))
    except Exception as error:
        msg = f"A {type(value).__qualname__} cannot be an answer, because it cannot become JSON ({error})."
        raise KitaruWaitValidationError(msg) from error


def check_answer(name: str, schema: JsonMapping | None, value: object) -> object:
    """Check an answer against a wait's JSON schema, strictly: no text for a number, no 1 for true.

    Args:
        name: The wait's name, for the error.
        schema: The JSON schema, or `None` for a gate.
        value: The answer, as plain JSON data.

    Returns:
        The answer.

    Raises:
        KitaruWaitValidationError: It does not fit.
    """
    if schema is None:
        if value is None:
            return None
        msg = f"The wait {name!r} is a gate: it asks to continue and takes no value but null."
        raise KitaruWaitValidationError(msg)
    found = misfit(schema, value)
    if found is not None:
        msg = (
            f"The answer to {name!r} does not fit: {found}. The wait stays open. Its schema is "
            f"{msgspec.json.encode(dict(schema)).decode()}."
        )
        raise KitaruWaitValidationError(msg)
    return value


def check_schema(schema: JsonMapping, what: str) -> None:
    """Check that a dict is a JSON schema.

    Args:
        schema: The dict.
        what: Where it was given, for the error.

    Raises:
        KitaruUsageError: It is none.
    """
    try:
        jsonschema.Draft202012Validator.check_schema(dict(schema))
    except jsonschema.SchemaError as error:
        msg = f"{what} was given a dict that is no JSON schema: {error.message}."
        raise KitaruUsageError(msg) from error


def misfit(schema: JsonMapping, value: object) -> str | None:
    """Say where plain data does not fit a JSON schema, or return `None` when it fits.

    Args:
        schema: The schema; what it refers to must be in it, and nothing is fetched from anywhere.
        value: The data.
    """
    validator = jsonschema.Draft202012Validator(schema, registry=referencing.jsonschema.EMPTY_REGISTRY)
    try:
        found = jsonschema.exceptions.best_match(validator.iter_errors(value))
    except (referencing.exceptions.Unresolvable, re.error) as error:
        return f"the schema itself cannot be used ({error})"
    if found is None:
        return None
    where = "".join(f"[{part!r}]" for part in found.absolute_path)
    return f"{found.message}{' at ' + where if where else ''}"


def answer_for(name: str, schema: object, value: object) -> object:
    """Turn a stored answer into what the flow asked for: a model, an enum member, a number.

    Raises:
        KitaruWaitValidationError: The stored answer does not fit the schema as the flow has it now.
    """
    if schema is None or isinstance(schema, Mapping):
        check_answer(name, schema, value)
        return value
    if schema in (bool, int, str) and type(value) is schema:
        return value
    try:
        return type_adapter(schema).validate_json(msgspec.json.encode(value))
    except ValueError as error:
        msg = f"The answer to {name!r} does not fit what the flow asks for: {error}"
        raise KitaruWaitValidationError(msg) from error
