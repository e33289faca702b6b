"""How the framework's objects are written and read back, without adding to them and without judging them.

A model response is written the way the framework itself sends it back to the provider (by alias, unset fields left
out), and rebuilt the way the client library builds a live one (no validation). So the framework gets the same items on
the first run and on every rerun, and a value newer than the installed types runs recorded as it ran live.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec
from agents.items import ModelResponse
from agents.run_internal.model_retry import apply_retry_attempt_usage
from agents.usage import (
    Usage,
    _attach_normalized_usage,
    _attach_raw_usage_snapshot,
    _extract_raw_usage_snapshot,
    _mark_requests_completed_without_usage,
    _requests_for_response_without_usage,
    _response_usage_to_usage,
    deserialize_usage,
    serialize_usage,
)
from openai import BaseModel as OpenAIModel
from openai.types.responses import Response, ResponseCompletedEvent, ResponseOutputItem, ResponseUsage
from pydantic import BaseModel, TypeAdapter, ValidationError

from kitaru.errors import KitaruEncodingError, KitaruUsageError
from kitaru.records.plain import Json, JsonObject
from kitaru_adapters.openai_agents.types import OpenAIRunResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "MODEL_CODEC",
    "RESULT_CODEC",
    "Conversation",
    "ModelResponseCodec",
    "RecordedResponse",
    "RunResultCodec",
    "TypedCodec",
    "as_recorded_response",
    "as_run_result",
    "item_bytes",
    "item_json",
    "storable",
]

T = TypeVar("T")
PLAIN_JSON: Final = "json/1"
"""The runtime's own name for JSON: what is stored under it can be read by everybody, without this adapter."""
_JSON_TYPES = (bool, int, float, str, bytes)


def item_json(item: object) -> Json:
    """Return one input or output item as JSON-ready data, with nothing added and nothing renamed.

    Args:
        item: A mapping, or one of the client library's models.

    Returns:
        A dictionary for a model; a mapping as it is.
    """
    if isinstance(item, BaseModel):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values newer than the installed types are no fault of ours
            return item.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return item


def item_bytes(item: object) -> bytes:
    """Return one item as JSON bytes; a part that has no JSON form is shown as text.

    Args:
        item: An item of a conversation.

    Returns:
        Its canonical bytes: equal items give equal bytes.
    """
    return msgspec.json.encode(item, enc_hook=_json_fallback, order="sorted")


def _json_fallback(value: object) -> object:
    return item_json(value) if isinstance(value, BaseModel) else str(value)


class Conversation:
    """Digest of a conversation that grows from call to call: only what was added is hashed."""

    def __init__(self) -> None:
        self._items: list[bytes] = []
        self._hash = hashlib.sha256()

    def digest(self, items: list[bytes]) -> str:
        """Return the digest of a conversation.

        Args:
            items: The bytes of each item; the list is kept.
        """
        if items[: len(self._items)] != self._items:
            self._items, self._hash = [], hashlib.sha256()
        for item in items[len(self._items) :]:
            self._hash.update(hashlib.sha256(item).digest())
        self._items = items
        return self._hash.hexdigest()


class _Output(OpenAIModel):
    """The part of a response that holds its items; a whole one has forty more fields to build."""

    output: list[ResponseOutputItem]


@dataclass
class RecordedResponse:
    """A model response, streamed or not, in the one form in which it is stored.

    Attributes:
        output: Output items as JSON-ready mappings.
        plain: Positions of the items that the model delivered as plain mappings.
        usage: Tokens in the framework's own form.
        response_id: The provider's id.
        request_id: Id of the transport's request.
        raw_usage: The provider's own usage, where the framework kept it.
        failed_attempts: Attempts of the framework's own retries that failed before; they count as requests.
    """

    output: list[Json]
    plain: list[int] = field(default_factory=list)
    usage: JsonObject = field(default_factory=dict)
    response_id: str | None = None
    request_id: str | None = None
    raw_usage: JsonObject | None = None
    failed_attempts: int = 0

    @classmethod
    def of(cls, response: ModelResponse) -> RecordedResponse:
        """Return what is stored of a response."""
        return cls(
            output=[item_json(item) for item in response.output],
            plain=[index for index, item in enumerate(response.output) if isinstance(item, Mapping)],
            usage=serialize_usage(response.usage),
            response_id=response.response_id,
            request_id=response.request_id,
            raw_usage=response.raw_usage,
        )

    @classmethod
    def of_stream(cls, response: Response) -> RecordedResponse:
        """Return what is stored of the response that a stream ended with."""
        tokens = (
            Usage(requests=_requests_for_response_without_usage(response))
            if response.usage is None
            else _response_usage_to_usage(response.usage)
        )
        recorded = cls.of(
            ModelResponse(
                output=response.output,
                usage=tokens,
                response_id=response.id,
                request_id=getattr(response, "_request_id", None),
                raw_usage=_extract_raw_usage_snapshot(response),
            )
        )
        recorded.usage["reported"] = response.usage is not None
        return recorded

    def items(self) -> list[ResponseOutputItem]:
        """Return the output items as the client library builds them for a live response."""
        built = _Output.construct(output=self.output).output if self.output else []
        return [self.output[index] if index in self.plain else item for index, item in enumerate(built)]

    def with_failed_attempts(self) -> RecordedResponse:
        """Return a reused response with its failed attempts counted, as the framework counted them when it ran."""
        if not self.failed_attempts:
            return self
        usage = serialize_usage(apply_retry_attempt_usage(self.tokens(), self.failed_attempts))
        return replace(self, usage={**usage, "reported": self.usage.get("reported", True)})

    def tokens(self) -> Usage:
        """Return the tokens in the framework's own form."""
        return deserialize_usage(self.usage)

    def model_response(self) -> ModelResponse:
        """Return the response as a model hands it out that was not streamed."""
        response = ModelResponse(
            output=[],
            usage=self.tokens(),
            response_id=self.response_id,
            request_id=self.request_id,
            raw_usage=self.raw_usage,
        )
        response.output = self.items()
        return response

    def completed_event(self) -> ResponseCompletedEvent:
        """Return the last event of the stream, from which the framework rebuilds every item of the run."""
        tokens = self.tokens()
        response = Response.construct(
            id=self.response_id or "", object="response", status="completed", output=self.output, usage=None
        )
        response.output = self.items()
        if self.usage.get("reported", True):
            response.usage = _response_usage(tokens)
        elif tokens.requests:
            _mark_requests_completed_without_usage(response, tokens.requests)
        _attach_raw_usage_snapshot(response, self.raw_usage)
        object.__setattr__(response, "_request_id", self.request_id)
        return ResponseCompletedEvent.construct(type="response.completed", response=response, sequence_number=0)


def _response_usage(tokens: Usage) -> ResponseUsage:
    usage = ResponseUsage.construct(
        input_tokens=tokens.input_tokens,
        output_tokens=tokens.output_tokens,
        total_tokens=tokens.total_tokens,
        input_tokens_details=tokens.input_tokens_details,
        output_tokens_details=tokens.output_tokens_details,
    )
    _attach_normalized_usage(usage, tokens)
    return usage


class ModelResponseCodec:
    """Writes model responses; a text or a mapping given as an override becomes a response."""

    name: Final = PLAIN_JSON

    def encode(self, value: object) -> bytes:
        """Return the stored form.

        Args:
            value: A recorded response, a response of the framework, or what a person gave in its place: the text of
                the answer, or the mapping that this codec writes.

        Returns:
            JSON bytes.

        Raises:
            KitaruUsageError: It is none of these.
            KitaruEncodingError: It holds something without a JSON form.
        """
        recorded = as_recorded_response(value)
        try:
            return msgspec.json.encode(recorded)
        except TypeError as error:
            msg = f"The model's response cannot be stored: {error}. A model must deliver items that have a JSON form."
            raise KitaruEncodingError(msg, path="output") from error

    def decode(self, data: bytes) -> object:
        """Return what `encode` wrote, with every field as it was; what a person put in its place comes back as JSON."""
        found = msgspec.json.decode(data)
        return msgspec.convert(found, RecordedResponse) if isinstance(found, dict) and "output" in found else found


def as_recorded_response(value: object) -> RecordedResponse:
    """Return a model response in its stored form, from any form in which a person or the framework writes it.

    Args:
        value: The text of an answer, a response of the framework, the mapping that is stored, or the stored form.

    Returns:
        The stored form.

    Raises:
        KitaruUsageError: It is none of these.
    """
    if isinstance(value, RecordedResponse):
        return value
    if isinstance(value, ModelResponse):
        return RecordedResponse.of(value)
    if isinstance(value, str):
        text = {"type": "output_text", "text": value, "annotations": []}
        message = {"id": "override", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
        return RecordedResponse(output=[message])
    if isinstance(value, Mapping) and "output" in value:
        return msgspec.convert(dict(value), RecordedResponse)
    msg = (
        f"A {type(value).__qualname__} cannot stand in for a model's response; give the text of the answer, a "
        "ModelResponse, or a mapping with the key 'output'."
    )
    raise KitaruUsageError(msg)


def as_run_result(value: object) -> OpenAIRunResult:
    """Return a run's result, from any form in which a person writes it.

    Args:
        value: A result, a mapping with its fields, or the answer alone.

    Returns:
        The result.
    """
    if isinstance(value, OpenAIRunResult):
        return value
    if isinstance(value, Mapping) and "status" in value:
        return OpenAIRunResult.model_validate(dict(value))
    return OpenAIRunResult(status="completed", final_output=value)


class RunResultCodec:
    """Writes run results and rebuilds them as the one public class, wherever they were made."""

    name: Final = PLAIN_JSON

    def encode(self, value: object) -> bytes:
        """Return the stored form of a result.

        Args:
            value: A result, a mapping with its fields, or the answer alone.

        Returns:
            JSON bytes.

        Raises:
            KitaruEncodingError: The fields do not fit, or the answer has no JSON form.
        """
        try:
            return as_run_result(value).model_dump_json(warnings=False).encode()
        except ValueError as error:
            msg = f"The run's result cannot be stored: {error}"
            raise KitaruEncodingError(msg, path="result", type_name=type(value).__qualname__) from error

    def decode(self, data: bytes) -> OpenAIRunResult:
        """Return what `encode` wrote; a typed answer comes back as its JSON form."""
        return as_run_result(msgspec.json.decode(data))


class TypedCodec(Generic[T]):
    """Writes values of one annotation through pydantic, by alias, without a class name in the data.

    Args:
        annotation: Returns the type; called once, when it is needed first.
    """

    name: Final = PLAIN_JSON

    def __init__(self, annotation: Callable[[], type[T]]) -> None:
        self._annotation = annotation
        self._adapter: TypeAdapter[T] | None = None

    def encode(self, value: T) -> bytes:
        """Return the stored form."""
        return self._loaded().dump_json(value, by_alias=True, exclude_unset=True, warnings=False)

    def decode(self, data: bytes) -> object:
        """Return what `encode` wrote; what a person put in its place comes back as JSON."""
        try:
            return self._loaded().validate_json(data)
        except ValidationError:
            return msgspec.json.decode(data)

    def _loaded(self) -> TypeAdapter[T]:
        if self._adapter is None:
            self._adapter = TypeAdapter(self._annotation())
        return self._adapter


MODEL_CODEC: Final = ModelResponseCodec()
RESULT_CODEC: Final = RunResultCodec()


def storable(value: T) -> T | str:
    """Return a tool's value if it can be stored as it is, else the text that the model would read instead.

    Args:
        value: What the tool returned.

    Returns:
        The value itself when it is made of plain data, and of models, dataclasses and enums that another process can
        import; otherwise `str(value)`, which is what the framework sends to the model in any case.
    """
    return value if _is_storable(value) else str(value)


def _is_storable(value: object) -> bool:
    if value is None or isinstance(value, enum.Enum):
        return value is None or _importable(type(value))
    if type(value) in _JSON_TYPES:
        return True
    if isinstance(value, (list, tuple)):
        return (type(value) in (list, tuple) or _importable(type(value))) and all(map(_is_storable, value))
    if type(value) is dict:
        return all(isinstance(key, str) and _is_storable(item) for key, item in value.items())
    if isinstance(value, BaseModel) or dataclasses.is_dataclass(value):
        return _importable(type(value)) and all(map(_is_storable, _field_values(value)))
    return False


def _field_values(value: object) -> Sequence[object]:
    if isinstance(value, BaseModel):
        return [item for _, item in value]
    return [getattr(value, item.name) for item in dataclasses.fields(value)]  # type: ignore[arg-type]  # checked above


def _importable(cls: type) -> bool:
    found: object = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls
