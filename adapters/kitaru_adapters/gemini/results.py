"""Function results on their way back to the model: which calls they answer, and the form the API takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kitaru.errors import KitaruUsageError
from kitaru_adapters.gemini.types import FUNCTION_RESULT
from kitaru_adapters.gemini.values import Json, JsonData, check_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kitaru_adapters.gemini.types import GeminiInteractionResult

__all__ = ["FunctionAnswer", "answers_for", "result_item", "result_value"]

_WITH_ERROR_FLAG = 4
_CONTENT_TYPES = frozenset({"text", "image"})


@dataclass(frozen=True, kw_only=True)
class FunctionAnswer:
    """The result of one function call.

    Attributes:
        call_id: The call.
        name: Its function.
        result: Any JSON value, or a list of content blocks.
        error: Whether the result says that the function failed.
    """

    call_id: str
    name: str
    result: JsonData
    error: bool = False


def result_value(result: object) -> JsonData:
    """Return a result in a form that the API takes.

    Args:
        result: What the function returned.

    Returns:
        Text, mappings and lists of content blocks as they are; everything else as `{"result": value}`.
    """
    plain = check_json(result)
    if isinstance(plain, (str, dict)) or _is_content(plain):
        return plain
    return {"result": plain}


def _is_content(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and item.get("type") in _CONTENT_TYPES for item in value)
    )


def result_item(answer: FunctionAnswer) -> Json:
    """Return the input item that carries one answer."""
    item = {
        "type": FUNCTION_RESULT,
        "call_id": answer.call_id,
        "name": answer.name,
        "result": result_value(answer.result),
    }
    return item | ({"is_error": True} if answer.error else {})


def answers_for(
    results: Sequence[FunctionAnswer | Sequence[JsonData]], source: GeminiInteractionResult | None
) -> list[FunctionAnswer]:
    """Bring answers into one form and check them against the turn that asked.

    Args:
        results: Answers, or tuples of call id, name, result and optionally whether it is an error.
        source: The turn that asked, if known.

    Returns:
        The answers in the order given.

    Raises:
        KitaruUsageError: A call is answered twice, left open, or was never asked.
    """
    answers = [_answer(result) for result in results]
    given = [answer.call_id for answer in answers]
    if repeated := sorted({call_id for call_id in given if given.count(call_id) > 1}):
        msg = f"The calls {', '.join(repeated)} are answered more than once; send one result for each call."
        raise KitaruUsageError(msg)
    if source is not None:
        _check_complete(given, source)
    return answers


def _answer(result: FunctionAnswer | Sequence[JsonData]) -> FunctionAnswer:
    if isinstance(result, FunctionAnswer):
        return result
    if isinstance(result, str) or len(result) not in {_WITH_ERROR_FLAG - 1, _WITH_ERROR_FLAG}:
        msg = f"{result!r} is no function result; give (call_id, name, result) or (call_id, name, result, is_error)."
        raise KitaruUsageError(msg)
    error = bool(result[3]) if len(result) == _WITH_ERROR_FLAG else False
    return FunctionAnswer(call_id=result[0], name=result[1], result=result[2], error=error)


def _check_complete(given: Sequence[str], source: GeminiInteractionResult) -> None:
    asked = {call.call_id: call.function_name for call in source.function_calls}
    if missing := [f"{call_id} ({name})" for call_id, name in asked.items() if call_id not in given]:
        msg = (
            f"Interaction {source.interaction_id} waits for the results of all its function calls in one request; "
            f"missing: {', '.join(missing)}."
        )
        raise KitaruUsageError(msg)
    if unknown := [call_id for call_id in given if call_id not in asked]:
        msg = f"Interaction {source.interaction_id} did not ask for: {', '.join(unknown)}. Open: {', '.join(asked)}."
        raise KitaruUsageError(msg)
