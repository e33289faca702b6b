"""From the framework's result to ours: status, answer, pending approvals, usage, and the class of a typed answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from agents import Agent, Handoff
from agents.agent_output import AgentOutputSchemaBase
from pydantic import TypeAdapter

from kitaru_adapters.openai_agents.codec import item_json, storable
from kitaru_adapters.openai_agents.state import save_state, summarise_interruptions
from kitaru_adapters.openai_agents.types import OpenAIRunResult
from kitaru_adapters.openai_agents.usage import summarise, summary_cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.result import RunResult, RunResultStreaming

    from kitaru_adapters.openai_agents.capture import RunRecorder
    from kitaru_adapters.openai_agents.settings import RunnerSettings
    from kitaru_adapters.openai_agents.state import ContextCodec

FrameworkResult: TypeAlias = "RunResult | RunResultStreaming"

__all__ = ["FrameworkResult", "agents_of", "known_models", "run_result", "with_typed_output"]


def run_result(
    result: FrameworkResult,
    settings: RunnerSettings,
    recorder: RunRecorder,
    codec: ContextCodec,
    *,
    strict_sdk_version: bool,
) -> OpenAIRunResult:
    """Return what a run ended with, as a value that can be stored.

    Args:
        result: The framework's result.
        settings: How the runner was configured.
        recorder: Events and warnings of the run.
        codec: How the context goes into a paused state.
        strict_sdk_version: Whether resuming under another release adds a warning.

    Returns:
        The result.

    Raises:
        UserError: The run is paused and its context cannot be stored.
    """
    summary = summarise(result.context_wrapper.usage, recorder.models)
    cost = summary_cost(summary, settings.cost_calculator) if settings.capture.save_usage else None
    for warning in cost.warnings if cost is not None else ():
        recorder.warn(warning)
    shared: dict[str, Any] = {
        "last_agent": result.last_agent.name,
        "last_response_id": result.last_response_id,
        "input_items": [dict(item_json(item)) for item in result.to_input_list()],
        "usage": summary if settings.capture.save_usage else None,
        "estimated_cost_usd": cost.estimated_cost_usd if cost is not None else None,
        "warnings": list(recorder.warnings),
    }
    if result.interruptions:
        payloads = settings.capture.save_interruption_payloads
        state = None
        if settings.capture.save_run_state:
            state = save_state(result.to_state(), codec, strict_sdk_version=strict_sdk_version)
        return OpenAIRunResult(
            status="interrupted",
            pending_state=state,
            interruptions=summarise_interruptions(result.interruptions, payloads=payloads),
            **shared,
        )
    output = storable(result.final_output)
    plain = output is None or isinstance(output, (str, bool, int, float, list, dict))
    return OpenAIRunResult(
        status="completed",
        final_output=output,
        final_output_type=None if plain else _dotted(type(output)),
        **shared,
    )


def with_typed_output(result: OpenAIRunResult, agent: Agent) -> OpenAIRunResult:
    """Return a result that was read back with its answer in the class that the agent declares.

    The class is found on the agent, never by a name found in the data.

    Args:
        result: A result whose answer is in its JSON form.
        agent: The agent the run started with.

    Returns:
        The result with a typed answer, if the acting agent declares the class that was recorded.
    """
    if result.final_output_type is None:
        return result
    acting = next((known for known in agents_of(agent) if known.name == result.last_agent), None)
    declared = acting.output_type if acting is not None else None
    if declared is None:
        return result
    text = json.dumps(result.final_output)
    if isinstance(declared, AgentOutputSchemaBase):
        return result.model_copy(update={"final_output": declared.validate_json(text)})
    if _dotted(declared) != result.final_output_type:
        return result
    return result.model_copy(update={"final_output": TypeAdapter(declared).validate_json(text)})


def agents_of(agent: Agent) -> Iterator[Agent]:
    """Yield every agent that a run can reach by handoff, the starting one first, each once."""
    seen: set[int] = set()
    waiting = [agent]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        for entry in current.handoffs:
            reference = entry._agent_ref if isinstance(entry, Handoff) else None  # noqa: SLF001 - where a handoff keeps its target
            target = reference() if reference is not None else entry
            if isinstance(target, Agent):
                waiting.append(target)


def known_models(agent: Agent, run_model: object) -> list[str]:
    """Return the names of the models that a run can use, as far as they are known before it runs.

    Args:
        agent: The agent the run starts with.
        run_model: The model of the run's configuration; it wins over those of the agents.

    Returns:
        Each name once.
    """
    models = [run_model] if run_model is not None else [known.model for known in agents_of(agent)]
    names = [model if isinstance(model, str) else getattr(model, "model", None) for model in models]
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def _dotted(cls: object) -> str:
    return f"{getattr(cls, '__module__', '')}.{getattr(cls, '__qualname__', cls)}"
