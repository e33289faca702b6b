"""Counting the tokens of exactly the model calls of one invocation, wherever in the graph they are made."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, TypedDict

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage

from kitaru_adapters.kit.usage import TokenUsage, calculated_cost, estimated_cost, usage_record
from kitaru_adapters.langgraph.types import LangGraphUsageSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from langchain_core.outputs import LLMResult

    from kitaru.seam import Call
    from kitaru_adapters.kit.usage import Cost, Status, Surface

__all__ = ["Tokens", "UsageTracker", "cost_of", "record_tokens", "summarize"]

_in_unit: ContextVar[list[Tokens] | None] = ContextVar("kitaru_langgraph_unit_usage", default=None)


class Tokens(TypedDict):
    """Tokens of one model call, and whether the model reported any."""

    model: str | None
    provider: str | None
    input: int
    output: int
    total: int
    known: bool


class UsageTracker(BaseCallbackHandler):
    """Collects what models report; a call inside a unit goes to the unit, any other to the invocation.

    Attributes:
        total: Tokens of the whole invocation, reused units included.
        outside: Those of model calls that no unit covered.
    """

    run_inline = True

    def __init__(self) -> None:
        self.total: list[Tokens] = []
        self.outside: list[Tokens] = []
        self._lock = threading.Lock()

    def on_chat_model_start(self, *args: object, **kwargs: object) -> None:
        """Need nothing; for a handler without this method the framework writes the whole conversation out as text.

        Args:
            *args: As the framework calls its handlers.
            **kwargs: The same.
        """

    def on_llm_end(self, response: LLMResult, **kwargs: object) -> None:  # noqa: ARG002 - the framework's signature
        """Note the tokens of a model call that ended."""
        entry = _tokens(response)
        if entry is None:
            return
        unit = _in_unit.get()
        with self._lock:
            if unit is not None:
                unit.append(entry)
            else:
                self.outside.append(entry)
                self.total.append(entry)

    @contextmanager
    def unit(self) -> Iterator[list[Tokens]]:
        """Collect what is used in this context; the list goes with the unit's outcome."""
        entries: list[Tokens] = []
        token = _in_unit.set(entries)
        try:
            yield entries
        finally:
            _in_unit.reset(token)

    def add(self, carried: object) -> None:
        """Count what a unit used, now or when it first ran."""
        used = carried.get("usage") if isinstance(carried, dict) else None
        if isinstance(used, list):
            with self._lock:
                self.total.extend(used)


def _tokens(response: LLMResult) -> Tokens | None:
    generation = response.generations[0][0] if response.generations and response.generations[0] else None
    message = getattr(generation, "message", None)
    if not isinstance(message, AIMessage):
        return None
    used = message.usage_metadata
    facts = message.response_metadata
    return {
        "model": facts.get("model_name") or facts.get("model"),
        "provider": facts.get("model_provider"),
        "input": used.get("input_tokens", 0) if used else 0,
        "output": used.get("output_tokens", 0) if used else 0,
        "total": used.get("total_tokens", 0) if used else 0,
        "known": bool(used),
    }


def _only(entries: Sequence[Tokens], name: Literal["model", "provider"]) -> str | None:
    names = {entry[name] for entry in entries}
    return names.pop() if len(names) == 1 else None


def summarize(entries: Sequence[Tokens]) -> LangGraphUsageSummary:
    """Add up the tokens of several model calls.

    Args:
        entries: The calls.

    Returns:
        The sums; model and provider only where all calls agree.
    """
    return LangGraphUsageSummary(
        model_name=_only(entries, "model"),
        provider_name=_only(entries, "provider"),
        input_tokens=sum(entry["input"] for entry in entries),
        output_tokens=sum(entry["output"] for entry in entries),
        total_tokens=sum(entry["total"] for entry in entries),
        raw={"model_calls": len(entries)},
    )


def cost_of(summary: LangGraphUsageSummary, calculator: Callable[[LangGraphUsageSummary], object] | None) -> Cost:
    """Return what the tokens cost: by the caller's calculator, else by the price table if it was one model."""
    if calculator is not None:
        return calculated_cost(calculator, summary)
    return estimated_cost(model=summary.model_name, provider=summary.provider_name, usage=_token_usage(summary))


def _token_usage(summary: LangGraphUsageSummary) -> TokenUsage:
    return TokenUsage(
        input_tokens=summary.input_tokens,
        output_tokens=summary.output_tokens,
        total_tokens=summary.total_tokens,
        raw=summary.raw,
    )


def record_tokens(
    call: Call,
    entries: Sequence[Tokens],
    *,
    surface: Surface,
    cost: Cost | None = None,
    status: Status = "completed",
) -> None:
    """Write one usage record for the model calls of a unit; nothing where no model reported any tokens.

    Args:
        call: The unit.
        entries: The model calls.
        surface: What kind of call it is.
        cost: What it cost, if known already.
        status: How the unit ended.
    """
    if not any(entry["known"] for entry in entries):
        return
    summary = summarize(entries)
    record = usage_record(
        record_id=f"{call.call_id}:{call.attempt}",
        adapter="langgraph",
        surface=surface,
        call_name=call.name,
        usage=_token_usage(summary),
        cost=cost or cost_of(summary, None),
        checkpoint_id=call.call_id,
        checkpoint_name=call.name,
        resolved_model=summary.model_name,
        provider=summary.provider_name,
        status=status,
    )
    call.record_usage(record)
