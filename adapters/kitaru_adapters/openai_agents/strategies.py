"""The two ways to run durably: every call a unit of its own, or one unit around the whole run."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import inspect
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import kitaru
from kitaru.errors import KitaruError
from kitaru.seam import Unit, current_scope, occurrence, run_unit_async
from kitaru_adapters.kit.configs import with_config
from kitaru_adapters.kit.names import slug
from kitaru_adapters.openai_agents.boundary import (
    Activity,
    RunScope,
    content_key,
    context_identity,
    entered,
    is_retryable,
)
from kitaru_adapters.openai_agents.capture import RunRecorder
from kitaru_adapters.openai_agents.codec import RESULT_CODEC, as_run_result, item_bytes
from kitaru_adapters.openai_agents.graph import AgentGraph
from kitaru_adapters.openai_agents.mcp import Connections
from kitaru_adapters.openai_agents.model import durable_run_config
from kitaru_adapters.openai_agents.nested import delegate, install_nested_runner
from kitaru_adapters.openai_agents.observer import RunObserver
from kitaru_adapters.openai_agents.results import known_models, run_result, with_typed_output
from kitaru_adapters.openai_agents.session import durable_session
from kitaru_adapters.openai_agents.settings import ADAPTER
from kitaru_adapters.openai_agents.state import call_id_of, decide, open_state, version_warnings
from kitaru_adapters.openai_agents.stream import RunStreamPublisher
from kitaru_adapters.openai_agents.usage import runner_call_record, summary_cost
from kitaru_adapters.openai_agents.waits import ask_in_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents import Agent
    from agents.stream_events import StreamEvent

    from kitaru.seam import Call
    from kitaru_adapters.openai_agents.model import GivenConfig
    from kitaru_adapters.openai_agents.results import FrameworkResult
    from kitaru_adapters.openai_agents.settings import RunnerSettings
    from kitaru_adapters.openai_agents.state import ContextCodec
    from kitaru_adapters.openai_agents.types import OpenAIRunRequest, OpenAIRunResult

__all__ = ["Options", "RunInput", "RunnerParts", "run_calls", "run_plainly", "run_runner_call"]

Options: TypeAlias = dict[str, Any]
"""Options of the framework's own runner, by name; the framework says what their values may be."""


@dataclass(frozen=True)
class RunnerParts:
    """What a runner is made of.

    Attributes:
        agent: The agent that runs start with.
        settings: What was configured.
        codec: How a context goes into a paused state.
        strict_sdk_version: Whether resuming under another release adds a warning.
        run_config_factory: Makes the framework's configuration of one run.
    """

    agent: Agent
    settings: RunnerSettings
    codec: ContextCodec
    strict_sdk_version: bool
    run_config_factory: Callable[[], GivenConfig] | None

    def run_config(self) -> GivenConfig:
        """Return the framework's configuration of one run, as the caller makes it."""
        return self.run_config_factory() if self.run_config_factory is not None else None

    def result(self, result: FrameworkResult, recorder: RunRecorder) -> OpenAIRunResult:
        """Return the framework's result as ours."""
        return run_result(result, self.settings, recorder, self.codec, strict_sdk_version=self.strict_sdk_version)


@dataclass(frozen=True)
class RunInput:
    """What one run was asked to do.

    Attributes:
        request: A start or a resumption.
        context: The caller's live context.
        options: Options of the framework's own runner.
        streamed: Whether model calls are streamed.
        on_event: Called with each event of the stream.
    """

    request: OpenAIRunRequest
    context: object = None
    options: Options = field(default_factory=dict)
    streamed: bool = False
    on_event: Callable[[StreamEvent], object] | None = None

    def framework_options(self) -> Options:
        """Return the keyword arguments of the framework's runner; a resumed run has its context in its state."""
        options = dict(self.options)
        if self.request.kind == "start":
            options["context"] = self.context
        if "max_turns" in self.request.model_fields_set:
            options["max_turns"] = self.request.max_turns
        return options


async def run_calls(parts: RunnerParts, given: RunInput) -> OpenAIRunResult:
    """Run with every model call, tool call, MCP call and session operation as a unit of its own.

    Args:
        parts: The runner.
        given: What to run.

    Returns:
        The result.
    """
    install_nested_runner()
    settings = parts.settings
    path = f"{settings.name}#{occurrence(f'{ADAPTER}/{settings.name}')}"
    recorder = RunRecorder(path, parts.agent.name, settings.capture)
    connections = Connections()
    graph = AgentGraph(settings, connections)
    scope = RunScope(settings, path, graph, recorder, Activity(), parts.agent.name, given.context)
    config, owned = durable_run_config(_traced(parts, recorder.label))
    options = {
        **given.framework_options(),
        "run_config": config,
        "hooks": RunObserver(scope, given.options.get("hooks")),
    }
    if "session" in given.options:
        options["session"] = durable_session(given.options["session"], scope)
    try:
        with entered(scope):
            raw = await _run_to_the_end(parts, given, scope, options)
        result = parts.result(raw, recorder)
    except Exception as error:
        with contextlib.suppress(KitaruError):  # the run's own failure is what the caller must see
            await _log(recorder, recorder.summary("failed", error=error))
        raise
    finally:
        await connections.close()
        if owned:
            await config.model_provider.aclose()
    await _log(recorder, recorder.summary(result.status, final_output=result.final_output))
    return result


async def _run_to_the_end(parts: RunnerParts, given: RunInput, scope: RunScope, options: Options) -> FrameworkResult:
    agent = scope.graph.prepared(parts.agent)
    source = await _source(parts, given, agent, scope.recorder)
    while True:
        result = await _once(agent, source, given, options)
        for item in result.interruptions:
            facts = {"tool_name": item.name, "tool_call_id": call_id_of(item)}
            scope.recorder.add(
                "interruption",
                position=scope.recorder.take(),
                status="interrupted",
                agent=result.last_agent.name,
                metadata=facts,
            )
        if not result.interruptions or parts.settings.approvals != "wait":
            return result
        source = result.to_state()
        await ask_in_place(source, parts.settings)
        # a continued run has its context and its conversation in its state
        kept = ("run_config", "hooks", "session", "error_handlers", "max_turns")
        options = {name: value for name, value in options.items() if name in kept}


async def _source(parts: RunnerParts, given: RunInput, agent: Agent, recorder: RunRecorder) -> object:
    request = given.request
    if request.pending_state is None:
        return request.input
    state = await open_state(request.pending_state, agent, parts.codec, given.context)
    for warning in version_warnings(request.pending_state):
        recorder.warn(warning)
    decide(state, request)
    return state


async def _once(
    agent: Agent, source: Any, given: RunInput, options: Options, publisher: RunStreamPublisher | None = None
) -> FrameworkResult:
    runner = delegate()
    if not given.streamed:
        return await runner.run(agent, source, **options)
    result = runner.run_streamed(agent, source, **options)
    try:
        async for event in result.stream_events():
            if publisher is not None:
                publisher.event(event)
            if given.on_event is not None:
                answer = given.on_event(event)
                if inspect.isawaitable(answer):
                    await answer
    except BaseException:
        result.cancel()  # nobody reads on, so the run must not go on by itself
        raise
    return result


async def run_plainly(parts: RunnerParts, given: RunInput) -> OpenAIRunResult:
    """Run without any boundary: outside of a flow, or as part of a checkpoint.

    Args:
        parts: The runner.
        given: What to run.

    Returns:
        The result.
    """
    return await _plain(parts, given, RunRecorder(parts.settings.name, parts.agent.name, parts.settings.capture))


async def _plain(
    parts: RunnerParts, given: RunInput, recorder: RunRecorder, publisher: RunStreamPublisher | None = None
) -> OpenAIRunResult:
    config = _traced(parts, recorder.label)
    for name in known_models(parts.agent, getattr(config, "model", None)):
        recorder.saw_model(name)
    source = await _source(parts, given, parts.agent, recorder)
    raw = await _once(parts.agent, source, given, {**given.framework_options(), "run_config": config}, publisher)
    return parts.result(raw, recorder)


async def run_runner_call(parts: RunnerParts, given: RunInput) -> OpenAIRunResult:
    """Run as one unit: the recorded result is returned on every rerun.

    Args:
        parts: The runner.
        given: What to run.

    Returns:
        The result, with a typed answer in the class that the agent declares.
    """
    settings = parts.settings
    path = f"{settings.name}#{occurrence(f'{ADAPTER}/{settings.name}')}"
    recorder = RunRecorder(path, parts.agent.name, settings.capture)

    async def body(call: Call) -> OpenAIRunResult:
        started = time.monotonic()
        publisher = RunStreamPublisher(call, parts.agent.name, settings.capture) if given.streamed else None
        if publisher is not None:
            publisher.start()
        try:
            result = await _plain(parts, given, recorder, publisher)
        except BaseException as error:
            if publisher is not None:
                publisher.fail(error)
            raise
        result = _tracked(call, parts, recorder, result, started)
        if publisher is not None:
            publisher.complete()
        return result

    outcome = await run_unit_async(_runner_unit(parts, given, path), body)
    return with_typed_output(outcome.value, parts.agent)


def _runner_unit(parts: RunnerParts, given: RunInput, path: str) -> Unit:
    settings, request = parts.settings, given.request
    items = request.input if isinstance(request.input, list) else None
    history = None if items is None else [item_bytes(item) for item in items]
    shown: dict[str, object] = {"kind": request.kind, "metadata": request.metadata}
    if isinstance(request.input, str):
        shown["input"] = request.input
    if request.kind == "resume":
        shown["decisions"] = [decision.model_dump() for decision in request.all_decisions]
    mode = "stream" if given.streamed else "plain"
    identity = {"agent": parts.agent.name, "mode": mode, "request": request.model_dump(mode="json")}
    cache_key = None
    if settings.run.get("cache"):
        separate = context_identity(given.context, settings.context_identity)
        cache_key = content_key(b"run", item_bytes(identity), separate.encode())
    unit = Unit(
        name=f"{slug(settings.name, fallback='agent')}_openai_runner_call",
        adapter=ADAPTER,
        kind="run",
        type="llm_call",
        key=f"{path}/runner_call/{mode}",
        inputs=shown if settings.capture.save_input else {},
        identity=_digest(item_bytes(identity)),
        history=history,
        codec=RESULT_CODEC,
        validate=as_run_result,
        retry_if=is_retryable,
        cache_key=cache_key,
    )
    return with_config(unit, settings.run)


def _tracked(
    call: Call, parts: RunnerParts, recorder: RunRecorder, result: OpenAIRunResult, started: float
) -> OpenAIRunResult:
    settings = parts.settings
    latency = round((time.monotonic() - started) * 1000, 3)
    if result.usage is not None:
        cost = summary_cost(result.usage, settings.cost_calculator)
        interrupted = result.status == "interrupted"
        call.record_usage(
            runner_call_record(
                call, result.usage, cost, label=recorder.label, latency_ms=latency, interrupted=interrupted
            )
        )
    label = f"{slug(parts.agent.name, fallback='agent')}_{slug(recorder.label, fallback='run')}"
    summary = recorder.summary(result.status, final_output=result.final_output)
    call.save(f"run_summary__{label}", summary)
    names: dict[str, str] = {"run_summary_artifact_name": f"run_summary__{label}"}
    if result.pending_state is not None:
        names["state_artifact_name"] = f"run_state__{label}"
        call.save(names["state_artifact_name"], result.pending_state.state_json)
    call.log(openai_agents_run_summaries={recorder.label: summary})
    return result.model_copy(update=names)


def _traced(parts: RunnerParts, label: str) -> GivenConfig:
    config = parts.run_config()
    scope = current_scope()
    if not parts.settings.capture.correlate_otel_spans or scope is None:
        return config
    facts = {"kitaru_execution_id": scope.execution_id, "kitaru_run_label": label}
    if config is None:
        return {"trace_metadata": facts}
    if isinstance(config, dict):
        return {**config, "trace_metadata": {**(config.get("trace_metadata") or {}), **facts}}
    return dataclasses.replace(config, trace_metadata={**(config.trace_metadata or {}), **facts})


async def _log(recorder: RunRecorder, summary: dict[str, object]) -> None:
    events = [event.model_dump(mode="json", exclude_defaults=True) for event in recorder.events()]
    await asyncio.to_thread(
        kitaru.log,
        openai_agents_events={recorder.label: events},
        openai_agents_run_summaries={recorder.label: summary},
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
