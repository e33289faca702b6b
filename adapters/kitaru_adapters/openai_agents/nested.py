"""Nested runs: an agent used as a tool, or a run started by a tool or a guardrail, is made of units as well.

The framework sends every run through one default runner. The first durable run of a process puts a runner in front of
it that hands everything on, and only while a durable run is active at flow scope swaps the starting agent for its
prepared copy. Outside of that nothing changes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias, Unpack

from agents import run as sdk_run
from agents.run import AgentRunner

from kitaru_adapters.openai_agents.boundary import durable_run, entered
from kitaru_adapters.openai_agents.loop import in_running_loop, on_background_loop
from kitaru_adapters.openai_agents.model import durable_run_config
from kitaru_adapters.openai_agents.observer import RunObserver
from kitaru_adapters.openai_agents.session import durable_session

if TYPE_CHECKING:
    from agents import Agent, RunConfig, RunState, TResponseInputItem
    from agents.result import RunResult, RunResultStreaming
    from agents.run_config import RunOptions

    from kitaru_adapters.openai_agents.boundary import RunScope

__all__ = ["delegate", "install_nested_runner"]

Source: TypeAlias = "str | list[TResponseInputItem] | RunState"
"""What the framework's runner starts from."""

_LOCK = threading.Lock()


class _NestedRunner(AgentRunner):
    """Hands every run to the runner before it; runs inside a durable run start on prepared copies."""

    def __init__(self, inner: AgentRunner) -> None:
        self.inner = inner

    async def run(self, starting_agent: Agent, input: Source, **kwargs: Unpack[RunOptions]) -> RunResult:  # noqa: A002 - theirs
        """Run an agent."""
        scope = durable_run()
        if scope is None:
            return await self.inner.run(starting_agent, input, **kwargs)
        return await _nested(self.inner, scope, starting_agent, input, kwargs)

    def run_sync(self, starting_agent: Agent, input: Source, **kwargs: Unpack[RunOptions]) -> RunResult:  # noqa: A002 - theirs
        """Run an agent from synchronous code, such as a tool that runs in a thread and opted out of its unit."""
        scope = durable_run()
        if scope is None or in_running_loop():
            return self.inner.run_sync(starting_agent, input, **kwargs)  # which refuses a running loop in its own words
        return on_background_loop(_nested(self.inner, scope, starting_agent, input, kwargs))

    def run_streamed(self, starting_agent: Agent, input: Source, **kwargs: Unpack[RunOptions]) -> RunResultStreaming:  # noqa: A002 - theirs
        """Run an agent as a stream."""
        scope = durable_run()
        if scope is None:
            return self.inner.run_streamed(starting_agent, input, **kwargs)
        config, _ = durable_run_config(kwargs.get("run_config"))
        with entered(scope.nested(starting_agent.name)) as nested:
            return self.inner.run_streamed(
                scope.graph.prepared(starting_agent), input, **_options(nested, kwargs, config)
            )


def install_nested_runner() -> None:
    """Put the delegating runner in front of the framework's default one, once per process."""
    with _LOCK:
        current = sdk_run.get_default_agent_runner()
        if not isinstance(current, _NestedRunner):
            sdk_run.set_default_agent_runner(_NestedRunner(current))


def delegate() -> AgentRunner:
    """Return the runner that really runs agents, without the one put in front of it."""
    current = sdk_run.get_default_agent_runner()
    return current.inner if isinstance(current, _NestedRunner) else current


async def _nested(inner: AgentRunner, scope: RunScope, agent: Agent, source: Source, kwargs: RunOptions) -> RunResult:
    config, owned = durable_run_config(kwargs.get("run_config"))
    try:
        with entered(scope.nested(agent.name)) as nested:
            return await inner.run(scope.graph.prepared(agent), source, **_options(nested, kwargs, config))
    finally:
        if owned:
            await config.model_provider.aclose()


def _options(scope: RunScope, kwargs: RunOptions, config: RunConfig) -> RunOptions:
    options: RunOptions = {**kwargs, "run_config": config, "hooks": RunObserver(scope, kwargs.get("hooks"))}
    session = kwargs.get("session")
    if session is not None:
        options["session"] = durable_session(session, scope)
    return options
