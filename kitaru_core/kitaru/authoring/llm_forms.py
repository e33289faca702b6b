"""The form that `llm(schema=)` asks for: as a JSON schema for the model, and as a check of what came back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from kitaru.engine.schemas import check_schema, misfit, plain, type_adapter
from kitaru.errors import KitaruRuntimeError, KitaruUsageError, KitaruWaitValidationError
from kitaru.records.plain import JsonObject

__all__ = ["Form"]

_FENCED: Final = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)
_DEFINITIONS: Final = ("$defs", "definitions")
_WRAPPER: Final = "value"
_TOLD: Final = 1000


class Form:
    """What an answer must be.

    Args:
        wanted: A type or annotation that pydantic takes, or a JSON schema as a dict.

    Attributes:
        schema: The JSON schema of an object; what is no object itself stands in one, under `value`.

    Raises:
        KitaruUsageError: It is neither.
    """

    __slots__ = ("_adapter", "_given", "_is_wrapped", "schema")

    def __init__(self, wanted: object) -> None:
        self._adapter: Any = None
        if isinstance(wanted, Mapping):
            self._given: JsonObject = dict(wanted)
            check_schema(self._given, "llm(schema=)")
        else:
            self._adapter, self._given = _described(wanted)
        self._is_wrapped: bool = self._given.get("type") != "object"
        self.schema: JsonObject = _wrapped(self._given) if self._is_wrapped else self._given

    def read(self, text: str, *, source: str, stopped: str | None = None) -> Any:  # noqa: ANN401 - of the type that was asked for
        """Turn a model's text into what was asked for.

        Args:
            text: The text.
            source: Who wrote it, for the error.
            stopped: Why it stopped, in the provider's word.

        Raises:
            KitaruRuntimeError: It does not fit; the message says where, and what the model wrote.
        """
        fenced = _FENCED.fullmatch(text)
        try:
            return self._validated(self._unwrapped(msgspec.json.decode(fenced[1] if fenced else text)))
        except ValueError as error:
            reason = f" It stopped because of {stopped!r}." if stopped else ""
            shown = text if len(text) <= _TOLD else f"{text[:_TOLD]}... ({len(text)} characters)"
            msg = (
                f"{source} answered, but not in the form that llm(schema=) asks for: {_told(error)}.{reason} Allow "
                f"more tokens, describe the fields better, or take another model. It wrote: {shown}"
            )
            raise KitaruRuntimeError(msg) from None

    def text_of(self, value: object) -> str:
        """Turn the value of an override into the text a model would have written.

        Args:
            value: Such a text, or the value itself.

        Raises:
            KitaruUsageError: It does not fit.
        """
        try:
            texts = [msgspec.json.encode(plain(value)).decode()]
        except KitaruWaitValidationError as error:
            raise KitaruUsageError(str(error)) from error
        if isinstance(value, str):
            texts.insert(0, value)
        for text in texts:
            try:
                self.read(text, source="The override")
            except KitaruRuntimeError as error:
                refusal = error
            else:
                return text
        raise KitaruUsageError(str(refusal))

    def _unwrapped(self, data: Any) -> Any:  # noqa: ANN401 - plain JSON data
        # A model that was asked in words may leave the wrapper out.
        return data[_WRAPPER] if self._is_wrapped and isinstance(data, dict) and [*data] == [_WRAPPER] else data

    def _validated(self, data: object) -> Any:  # noqa: ANN401 - of the type that was asked for
        if self._adapter is not None:
            return self._adapter.validate_json(msgspec.json.encode(data))
        found = misfit(self._given, data)
        if found is not None:
            raise ValueError(found)
        return data


def _described(wanted: object) -> tuple[Any, JsonObject]:
    try:
        adapter = type_adapter(wanted)
        return adapter, adapter.json_schema()
    except Exception as error:
        msg = (
            f"llm(schema={wanted!r}) cannot be turned into a JSON schema ({type(error).__name__}: {error}). Use a type "
            "pydantic knows, or a JSON schema as a dict."
        )
        raise KitaruUsageError(msg) from error


def _wrapped(schema: JsonObject) -> JsonObject:
    """Put a schema into that of an object, which is all that some providers take."""
    definitions: JsonObject = {name: schema[name] for name in _DEFINITIONS if name in schema}
    inner = {name: value for name, value in schema.items() if name not in _DEFINITIONS}
    return {
        "type": "object",
        "properties": {_WRAPPER: inner},
        "required": [_WRAPPER],
        "additionalProperties": False,
        **definitions,
    }


def _told(error: ValueError) -> str:
    """Say what is wrong in a line, without the whole of what was given."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors(include_url=False, include_context=False, include_input=False)
    where = ".".join(str(part) for part in first[0]["loc"])
    more = f" (and {len(first) - 1} more)" if len(first) > 1 else ""
    return f"{first[0]['msg']}{' at ' + where if where else ''}{more}"
