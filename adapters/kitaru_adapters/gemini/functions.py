"""Answering `requires_action`: the functions that a turn asks for become checkpoints or waits of the flow."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from kitaru.errors import KitaruUsageError
from kitaru.seam import Question, Unit, ask, ask_async, in_flow, run_unit, run_unit_async
from kitaru_adapters.gemini.request import GeminiInteractionRequest, source_turn
from kitaru_adapters.gemini.results import FunctionAnswer
from kitaru_adapters.gemini.types import ADAPTER
from kitaru_adapters.kit.names import identifier, slug

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from kitaru.records.boundary import Effect
    from kitaru.seam import Call
    from kitaru_adapters.gemini.options import TurnOptions
    from kitaru_adapters.gemini.types import GeminiInteractionFunctionCall, GeminiInteractionResult

__all__ = [
    "run_function_calls",
    "run_function_calls_async",
    "wait_for_function_calls",
    "wait_for_function_calls_async",
]

_ANY_JSON = {"title": "Result of the function"}
_NOT_ALLOWED = "A person did not allow this call, so it was not run."


def wait_for_function_calls(
    result: GeminiInteractionResult,
    *,
    schemas: Mapping[str, object] | None = None,
    names: Mapping[str, str] | None = None,
    question: str | None = None,
    timeout: float | None = None,
    metadata: Mapping[str, object] | None = None,
    show_arguments: bool = False,
    request: GeminiInteractionRequest | None = None,
    **options: Unpack[TurnOptions],
) -> GeminiInteractionRequest:
    """Ask a person for the result of every open function call; flow body only.

    All waits are opened together, and the flow pauses once. A wait is bound to its call and arguments: when a rerun
    asks for something else under the same name, an old answer does not count.

    Args:
        result: A turn that ended in `requires_action`.
        schemas: What an answer must look like, by function name; any JSON otherwise.
        names: Names of the waits by call id; `{function}_{call id}` otherwise.
        question: Text for the person.
        timeout: Seconds the runner stays and polls before the flow pauses.
        metadata: Facts to store with each wait.
        show_arguments: Whether the model's arguments may be stored with the waits; they can hold user data.
        request: The request of that turn, if the result does not come straight from a runner.
        **options: Fields of the next request, such as `tools` or `timeout_s`.

    Returns:
        The request that answers all calls.

    Raises:
        KitaruUsageError: Called outside the flow body, or nothing is asked for.
    """
    calls = _open_calls(result, "wait_for_function_calls")
    asking = _Asking(schemas or {}, names or {}, question, timeout, metadata or {}, show_arguments)
    answers = ask([asking.question(call) for call in calls])
    return _request(result, list(map(_answer, calls, answers)), request, options)


async def wait_for_function_calls_async(
    result: GeminiInteractionResult,
    *,
    schemas: Mapping[str, object] | None = None,
    names: Mapping[str, str] | None = None,
    question: str | None = None,
    timeout: float | None = None,  # noqa: ASYNC109 - the window of a wait, not a limit of this coroutine
    metadata: Mapping[str, object] | None = None,
    show_arguments: bool = False,
    request: GeminiInteractionRequest | None = None,
    **options: Unpack[TurnOptions],
) -> GeminiInteractionRequest:
    """Ask a person for every open function call without blocking the event loop; see `wait_for_function_calls`."""
    calls = _open_calls(result, "wait_for_function_calls_async")
    asking = _Asking(schemas or {}, names or {}, question, timeout, metadata or {}, show_arguments)
    answers = await ask_async([asking.question(call) for call in calls])
    return _request(result, list(map(_answer, calls, answers)), request, options)


@dataclass(frozen=True)
class _Asking:
    schemas: Mapping[str, object]
    names: Mapping[str, str]
    text: str | None
    timeout: float | None
    metadata: Mapping[str, object]
    show_arguments: bool

    def question(self, call: GeminiInteractionFunctionCall) -> Question:
        function = call.function_name
        default = f"{slug(function, fallback='function')}_{identifier(call.call_id, what=function)}"
        facts: dict[str, object] = {"adapter": ADAPTER, "call_id": call.call_id, "function_name": function}
        shown = {"arguments": call.arguments} if self.show_arguments else {}
        return Question(
            name=self.names.get(call.call_id, default),
            schema=self.schemas.get(function, _ANY_JSON),
            question=self.text or f"What is the result of {function}?",
            metadata={**self.metadata, **facts, **shown},
            timeout=self.timeout,
            bound_to={"call_id": call.call_id, "function": function, "arguments": call.arguments},
        )


def run_function_calls(
    result: GeminiInteractionResult,
    functions: Mapping[str, Callable[..., object]],
    *,
    retries: int = 0,
    effects: Mapping[str, Effect] | None = None,
    approve: Collection[str] = (),
    show_arguments: bool = False,
    request: GeminiInteractionRequest | None = None,
    **options: Unpack[TurnOptions],
) -> GeminiInteractionRequest:
    """Run every open function call, each in a checkpoint of its own; flow body only.

    A rerun repeats none that completed, and only the one that failed.

    Args:
        result: A turn that ended in `requires_action`.
        functions: The functions by name; each gets the model's arguments as keywords.
        retries: How many more attempts each of them has.
        effects: What running a function twice would mean, by its name, such as `irreversible`.
        approve: Names of functions whose calls a person has to allow first. These waits are opened together; a call
            that is not allowed is answered with an error instead of being run.
        show_arguments: Whether the model's arguments may be shown with waits and checkpoints; they can hold user data.
        request: The request of that turn, if the result does not come straight from a runner.
        **options: Fields of the next request.

    Returns:
        The request that answers all calls.

    Raises:
        KitaruUsageError: Called outside the flow body, nothing is asked for, or a function is not offered here.
    """
    calls = _offered(_open_calls(result, "run_function_calls"), functions)
    running = _running(result, functions, retries, effects or {}, approve, show_arguments=show_arguments)
    guarded = [call for call in calls if call.function_name in approve]
    denied = _denied(guarded, ask([running.question(call) for call in guarded]) if guarded else [])
    answers = []
    for call in calls:
        function = functions[call.function_name]
        if inspect.iscoroutinefunction(function):
            msg = f"{call.function_name!r} is a coroutine function; use `await run_function_calls_async(...)`."
            raise KitaruUsageError(msg)
        if call.call_id in denied:
            answers.append(_not_allowed(call))
        else:
            answers.append(_answer(call, run_unit(running.unit(call), _body(function, call)).value))
    return _request(result, answers, request, options)


async def run_function_calls_async(
    result: GeminiInteractionResult,
    functions: Mapping[str, Callable[..., object]],
    *,
    retries: int = 0,
    effects: Mapping[str, Effect] | None = None,
    approve: Collection[str] = (),
    show_arguments: bool = False,
    request: GeminiInteractionRequest | None = None,
    **options: Unpack[TurnOptions],
) -> GeminiInteractionRequest:
    """Run every open function call on the event loop, coroutine functions too; see `run_function_calls`."""
    calls = _offered(_open_calls(result, "run_function_calls_async"), functions)
    running = _running(result, functions, retries, effects or {}, approve, show_arguments=show_arguments)
    guarded = [call for call in calls if call.function_name in approve]
    denied = _denied(guarded, await ask_async([running.question(call) for call in guarded]) if guarded else [])
    answers = []
    for call in calls:
        if call.call_id in denied:
            answers.append(_not_allowed(call))
        else:
            outcome = await run_unit_async(running.unit(call), _async_body(functions[call.function_name], call))
            answers.append(_answer(call, outcome.value))
    return _request(result, answers, request, options)


def _open_calls(result: GeminiInteractionResult, what: str) -> list[GeminiInteractionFunctionCall]:
    if not in_flow():
        msg = f"{what} works in the flow body, where waits and checkpoints can be opened; it was called elsewhere."
        raise KitaruUsageError(msg)
    calls = result.function_calls
    if result.status != "requires_action" or not calls:
        msg = (
            f"Interaction {result.interaction_id} is {result.status!r} and asks for no function; look at status first."
        )
        raise KitaruUsageError(msg)
    return calls


def _offered(
    calls: list[GeminiInteractionFunctionCall], functions: Mapping[str, object]
) -> list[GeminiInteractionFunctionCall]:
    if unknown := sorted({call.function_name for call in calls} - set(functions)):
        msg = f"The model asks for {', '.join(unknown)}; offered here are: {', '.join(sorted(functions)) or 'none'}."
        raise KitaruUsageError(msg)
    return calls


@dataclass(frozen=True)
class _Running:
    keys: Mapping[str, str]
    retries: int
    effects: Mapping[str, Effect]
    show_arguments: bool

    def unit(self, call: GeminiInteractionFunctionCall) -> Unit:
        function = call.function_name
        return Unit(
            name=f"{slug(function, fallback='function')}_gemini_function",
            adapter=ADAPTER,
            kind="tool",
            type="tool_call",
            key=self.keys[call.call_id],
            inputs={"tool_args": call.arguments} if self.show_arguments else {},
            identity={"tool_args": call.arguments},
            business_key=call.call_id,
            retries=self.retries,
            effect=self.effects.get(function),
        )

    def question(self, call: GeminiInteractionFunctionCall) -> Question:
        function = call.function_name
        facts = {"adapter": ADAPTER, "call_id": call.call_id, "function_name": function}
        return Question(
            name=f"approve_{slug(function, fallback='function')}_{identifier(call.call_id, what=function)}",
            schema=bool,
            question=f"May the model run the function {function}?",
            metadata=facts | ({"arguments": call.arguments} if self.show_arguments else {}),
            bound_to={"call_id": call.call_id, "function": function, "arguments": call.arguments},
        )


def _running(
    result: GeminiInteractionResult,
    functions: Mapping[str, object],
    retries: int,
    effects: Mapping[str, Effect],
    approve: Collection[str],
    *,
    show_arguments: bool,
) -> _Running:
    for argument, names in (("effects", effects), ("approve", approve)):
        if unknown := sorted(set(names) - set(functions)):
            msg = f"{argument} names {', '.join(unknown)}; offered here are: {', '.join(sorted(functions)) or 'none'}."
            raise KitaruUsageError(msg)
    return _Running(_keys(result), retries, effects, show_arguments)


def _keys(result: GeminiInteractionResult) -> dict[str, str]:
    """Return the key of each open call: its turn, its function, and its number among the calls of that function.

    The service's own ids are others when a replay makes the turn anew, and what a person has put in the place of a
    function's result must be found again all the same.
    """
    turn, asked = source_turn(result), Counter[str]()
    keys: dict[str, str] = {}
    for call in result.function_calls:
        asked[call.function_name] += 1
        keys[call.call_id] = f"{turn}/{call.function_name}/{asked[call.function_name]}"
    return keys


def _body(function: Callable[..., object], call: GeminiInteractionFunctionCall) -> Callable[[Call], object]:
    def body(_: Call) -> object:
        return function(**call.arguments)

    return body


def _async_body(
    function: Callable[..., object], call: GeminiInteractionFunctionCall
) -> Callable[[Call], Awaitable[object]]:
    async def body(_: Call) -> object:
        value = function(**call.arguments)
        return await value if inspect.isawaitable(value) else value

    return body


def _denied(guarded: Sequence[GeminiInteractionFunctionCall], allowed: Sequence[object]) -> set[str]:
    return {call.call_id for call, yes in zip(guarded, allowed, strict=True) if not yes}


def _not_allowed(call: GeminiInteractionFunctionCall) -> FunctionAnswer:
    return FunctionAnswer(call_id=call.call_id, name=call.function_name, result=_NOT_ALLOWED, error=True)


def _answer(call: GeminiInteractionFunctionCall, value: object) -> FunctionAnswer:
    return FunctionAnswer(call_id=call.call_id, name=call.function_name, result=value)


def _request(
    result: GeminiInteractionResult,
    answers: Sequence[FunctionAnswer],
    request: GeminiInteractionRequest | None,
    options: TurnOptions,
) -> GeminiInteractionRequest:
    return GeminiInteractionRequest.function_results(results=answers, from_result=result, request=request, **options)
