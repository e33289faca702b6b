"""`llm`: one call of a model, recorded with its prompt, its answer and what it cost.

In the flow's body the call is a boundary of its own, so that an answer is paid for once. In a checkpoint it is part of
that checkpoint, which is the boundary already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from kitaru.authoring.arguments import Async
from kitaru.authoring.llm_pieces import Listener, retell, retell_async
from kitaru.authoring.llm_work import Order, Work
from kitaru.engine.boundary import run_unit, run_unit_async
from kitaru.engine.ids import normalise as normalise_name
from kitaru.engine.scope import current_boundary, flow_scope, occurrence
from kitaru.errors import KitaruUsageError
from kitaru.records.plain import JsonMapping

if TYPE_CHECKING:
    from kitaru.engine.call import Call

__all__ = ["llm", "llm_async"]

_BETWEEN_WORDS: Final = re.compile(r"\W+")

Prompt = str | Sequence[JsonMapping]
T = TypeVar("T")


@overload
def llm(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
    schema: None = None,
    on_text: Listener | None = None,
) -> str: ...
@overload
def llm(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
    schema: type[T],
    on_text: Listener | None = None,
) -> T: ...
@overload
def llm(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
    schema: object,
    on_text: Listener | None = None,
) -> Any: ...  # noqa: ANN401 - the type that was asked for
def llm(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
    schema: object = None,
    on_text: Listener | None = None,
) -> Any:
    """Call a model and return its text, or a value of the type that is asked for.

    Args:
        prompt: A text, or messages with `role` and `content`.
        model: An alias, or `provider/model`; by default `KITARU_DEFAULT_MODEL`, the default alias, or the only one.
        system: A text to put first, as the system's.
        temperature: How freely to choose words.
        max_tokens: How much may be written.
        name: Name of the call; `llm_1`, `llm_2`, ... by default.
        schema: Type of the answer: anything pydantic takes, or a JSON schema as a dict. Providers that can hold a
            model to it are told to, the others ask for it in words; what comes back is checked in any case.
        on_text: Called with each piece of the text while the model writes it. What is recorded is the whole; when the
            body runs again, the same pieces are told from the record. In a flow's body it stands outside of the flow,
            in a checkpoint it belongs to that checkpoint.

    Returns:
        The text, or the value if there is a schema.

    Raises:
        KitaruContextError: No flow is running here.
        KitaruUsageError: An argument cannot be, nothing says which model to use, or nobody serves it.
        KitaruRuntimeError: The credentials are missing, the answer has no text, or it does not fit the schema.
        KitaruBackendError: The provider failed.
        Exception: Whatever `on_text` raised, unchanged; the call has failed then.
    """
    order = Order(
        prompt, system, model=model, schema=schema, on_text=on_text, temperature=temperature, max_tokens=max_tokens
    )
    call = current_boundary.get()
    if call is not None:
        return order.value(Work(order, call, _name_inside(call, name), is_whole=False).run())
    flow_scope("llm()")
    unit = order.unit(_name_in_flow(name))
    outcome = run_unit(unit, lambda opened: Work(order, opened, opened.invocation_id, is_whole=True).run())
    retell(on_text, outcome)
    return order.value(outcome.value)


@overload
def llm_async(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
    schema: None = None,
    on_text: Listener | None = None,
) -> Async[str]: ...
@overload
def llm_async(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
    schema: type[T],
    on_text: Listener | None = None,
) -> Async[T]: ...
@overload
def llm_async(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
    schema: object,
    on_text: Listener | None = None,
) -> Async[Any]: ...
async def llm_async(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
    schema: object = None,
    on_text: Listener | None = None,
) -> Any:
    """Call a model as `llm` does, without blocking the event loop.

    Args:
        prompt: As for `llm`.
        model: As for `llm`.
        system: As for `llm`.
        temperature: As for `llm`.
        max_tokens: As for `llm`.
        name: As for `llm`.
        schema: As for `llm`.
        on_text: As for `llm`; what it returns is awaited if it can be.

    Returns:
        The text, or the value if there is a schema.

    Raises:
        KitaruContextError: No flow is running here.
        KitaruUsageError: An argument cannot be, nothing says which model to use, or nobody serves it.
        KitaruRuntimeError: The credentials are missing, the answer has no text, or it does not fit the schema.
        KitaruBackendError: The provider failed.
        Exception: Whatever `on_text` raised, unchanged; the call has failed then.
    """
    order = Order(
        prompt, system, model=model, schema=schema, on_text=on_text, temperature=temperature, max_tokens=max_tokens
    )
    call = current_boundary.get()
    if call is not None:
        return order.value(await Work(order, call, _name_inside(call, name), is_whole=False).run_async())
    flow_scope("llm_async()")
    unit = order.unit(_name_in_flow(name))
    outcome = await run_unit_async(
        unit, lambda opened: Work(order, opened, opened.invocation_id, is_whole=True).run_async()
    )
    await retell_async(on_text, outcome)
    return order.value(outcome.value)


def _name_in_flow(name: str | None) -> str:
    return f"llm_{occurrence('llm()')}" if name is None else _cleaned(name)


def _name_inside(call: Call, name: str | None) -> str:
    """Name a call within one attempt of a checkpoint, where nothing else numbers it."""
    count = _counter(call)
    if name is None:
        return f"llm_{count('llm()')}"
    cleaned = _cleaned(name)
    number = count(f"llm() {cleaned}")
    return cleaned if number == 1 else f"{cleaned}_{number}"


def _counter(call: Call) -> Callable[[str], int]:
    return lambda label: occurrence(f"{label} in {call.call_id} attempt {call.attempt}")


def _cleaned(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        msg = f"llm(name=) must be a text that is not blank, not {name!r}; leave it out to have calls numbered."
        raise KitaruUsageError(msg)
    return normalise_name(_BETWEEN_WORDS.sub("_", name.strip()), "llm")
