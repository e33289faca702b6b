"""`llm`: one call of a model, recorded with its prompt, its answer and what it cost.

In the flow's body the call is a boundary of its own, so that an answer is paid for once. In a checkpoint it is part of
that checkpoint, which is the boundary already.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kitaru.engine.boundary import run_unit, run_unit_async
from kitaru.engine.ids import normalise as normalise_name
from kitaru.engine.scope import current_boundary, flow_scope, occurrence
from kitaru.engine.unit import Unit
from kitaru.errors import KitaruUsageError
from kitaru.models.aliases import resolve_model_selection
from kitaru.models.api import ModelReply, ModelRequest
from kitaru.models.credentials import find_credentials
from kitaru.models.messages import check_limits, normalise
from kitaru.models.providers import Target, find_provider
from kitaru.models.usage import CallFacts, call_metadata, cost_of, usage_record
from kitaru.settings.resolve import llm_estimated_costs

if TYPE_CHECKING:
    from kitaru.engine.call import Call

__all__ = ["llm", "llm_async"]

_MOCK_VARIABLE: Final = "KITARU_LLM_MOCK_RESPONSE"
_BETWEEN_WORDS: Final = re.compile(r"\W+")

Prompt = str | Sequence[Mapping[str, Any]]


def llm(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
) -> str:
    """Call a model and return its text.

    Args:
        prompt: A text, or messages with `role` and `content`.
        model: An alias, or `provider/model`; by default `KITARU_DEFAULT_MODEL`, the default alias, or the only one.
        system: A text to put first, as the system's.
        temperature: How freely to choose words.
        max_tokens: How much may be written.
        name: Name of the call; `llm_1`, `llm_2`, ... by default.

    Returns:
        The text.

    Raises:
        KitaruContextError: No flow is running here.
        KitaruUsageError: An argument cannot be, nothing says which model to use, or nobody serves it.
        KitaruRuntimeError: The credentials are missing, or the answer has no text.
        KitaruBackendError: The provider failed.
    """
    order = _Order(prompt, system, model=model, temperature=temperature, max_tokens=max_tokens)
    call = current_boundary.get()
    if call is not None:
        return _Work(order, call, _name_inside(call, name)).run()
    flow_scope("llm()")
    unit = order.unit(_name_in_flow(name))
    return run_unit(unit, lambda opened: _Work(order, opened, opened.invocation_id).run()).value


async def llm_async(
    prompt: Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    name: str | None = None,
) -> str:
    """Call a model as `llm` does, without blocking the event loop.

    Args:
        prompt: As for `llm`.
        model: As for `llm`.
        system: As for `llm`.
        temperature: As for `llm`.
        max_tokens: As for `llm`.
        name: As for `llm`.

    Returns:
        The text.

    Raises:
        KitaruContextError: No flow is running here.
        KitaruUsageError: An argument cannot be, nothing says which model to use, or nobody serves it.
        KitaruRuntimeError: The credentials are missing, or the answer has no text.
        KitaruBackendError: The provider failed.
    """
    order = _Order(prompt, system, model=model, temperature=temperature, max_tokens=max_tokens)
    call = current_boundary.get()
    if call is not None:
        return await _Work(order, call, _name_inside(call, name)).run_async()
    flow_scope("llm_async()")
    unit = order.unit(_name_in_flow(name))
    outcome = await run_unit_async(unit, lambda opened: _Work(order, opened, opened.invocation_id).run_async())
    return outcome.value


class _Order:
    """What was asked for, checked before anything is recorded."""

    __slots__ = ("limits", "messages", "model")

    def __init__(self, prompt: object, system: object, *, model: str | None, **limits: float | None) -> None:
        self.messages = normalise(prompt, system)
        check_limits(limits["temperature"], limits["max_tokens"])
        if model is not None and (not isinstance(model, str) or not model.strip()):
            msg = f"llm(model=) must be an alias or provider/model, not {model!r}."
            raise KitaruUsageError(msg)
        self.model = model
        self.limits: dict[str, Any] = limits

    def unit(self, name: str) -> Unit:
        # The messages are kept once, as the call's prompt; here they only count for noticing drift.
        shown = {"model": self.model, **self.limits}
        return Unit(
            name=name,
            kind="model",
            type="llm_call",
            inputs={key: value for key, value in shown.items() if value is not None},
            identity={"messages": self.messages, **shown},
        )


class _Work:
    """The call itself, in the body of a boundary."""

    __slots__ = ("_call", "_facts", "_name", "_order", "_started")

    def __init__(self, order: _Order, call: Call, name: str) -> None:
        self._order = order
        self._call = call
        self._name = name
        self._started = 0.0
        selection = resolve_model_selection(order.model, frozen=call.run.facts.settings.get("model_registry"))
        provider = selection.resolved_model.partition("/")[0]
        self._facts = CallFacts(name=name, selection=selection, provider=provider)

    def run(self) -> str:
        canned = self._begin()
        if canned is not None:
            return self._mocked(canned)
        target, request = self._address()
        try:
            reply = target.call(request)
        except Exception:
            self._failed()
            raise
        return self._answered(reply)

    async def run_async(self) -> str:
        canned = self._begin()
        if canned is not None:
            return self._mocked(canned)
        # The first call imports the provider's SDK, which takes longer than a loop may be held up.
        target, request = await asyncio.to_thread(self._address)
        try:
            reply = await target.call_async(request)
        except Exception:
            self._failed()
            raise
        return self._answered(reply)

    def _begin(self) -> str | None:
        """Keep the prompt; return the canned answer if the environment has one."""
        self._call.save_messages(f"{self._name}_prompt", self._order.messages)
        self._started = time.perf_counter()
        return os.environ.get(_MOCK_VARIABLE)

    def _address(self) -> tuple[Target, ModelRequest]:
        selection = self._facts.selection
        target = find_provider(selection)
        credentials = find_credentials(target.client, selection)
        self._facts = msgspec.structs.replace(self._facts, provider=target.name, credential_source=credentials.source)
        request = ModelRequest(
            model=target.model, messages=self._order.messages, credentials=credentials.values, **self._order.limits
        )
        self._started = time.perf_counter()
        return target, request

    def _mocked(self, text: str) -> str:
        self._facts = msgspec.structs.replace(self._facts, mocked=True)
        return self._answered(ModelReply(text=text))

    def _answered(self, reply: ModelReply) -> str:
        self._stop()
        cost = cost_of(self._facts, reply, llm_estimated_costs())
        self._call.save(f"{self._name}_response", reply.text, type="response")
        self._call.log(llm_calls={self._name: call_metadata(self._facts, reply, cost)})
        self._call.record_usage(usage_record(self._facts, reply, cost))
        return reply.text

    def _failed(self) -> None:
        self._stop()
        self._facts = msgspec.structs.replace(self._facts, status="failed")
        self._call.record_usage(usage_record(self._facts, None, cost_of(self._facts, None, "off")))

    def _stop(self) -> None:
        taken = round((time.perf_counter() - self._started) * 1000, 3)
        self._facts = msgspec.structs.replace(self._facts, latency_ms=taken)


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
