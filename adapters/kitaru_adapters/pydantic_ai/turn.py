"""Strategy `turn`: one unit around a whole run."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from kitaru import seam
from kitaru_adapters.kit.configs import CheckpointConfig, with_config
from kitaru_adapters.pydantic_ai.outcomes import add_usage, usage_delta
from kitaru_adapters.pydantic_ai.results import dump_run, load_run
from kitaru_adapters.pydantic_ai.runs import default_run_id
from kitaru_adapters.pydantic_ai.types import ADAPTER

if TYPE_CHECKING:
    from pydantic_ai.agent import AbstractAgent
    from pydantic_ai.usage import RunUsage

    from kitaru_adapters.pydantic_ai.arguments import RunArguments, RunKeywords
    from kitaru_adapters.pydantic_ai.results import AnyResult
    from kitaru_adapters.pydantic_ai.settings import Settings

__all__ = ["run_turn"]


async def run_turn(
    agent: AbstractAgent[Any, object],
    settings: Settings,
    config: CheckpointConfig,
    args: RunArguments,
    kwargs: RunKeywords,
) -> AnyResult:
    """Run an agent as one unit, or give its recorded result back.

    Args:
        agent: The wrapped agent.
        settings: What the caller set for it.
        config: Settings of the unit.
        args: Arguments of the run.
        kwargs: Keywords of the run.

    Returns:
        The framework's result, the decoded one on the first run as well.
    """
    run_id = kwargs.get("run_id") or default_run_id(settings.agent_name) or ""
    spec = kwargs.get("output_type") or agent.output_type
    shared: RunUsage | None = kwargs.get("usage")
    before = deepcopy(shared)

    async def body(call: seam.Call) -> object:
        private = deepcopy(before)
        given = {**kwargs, "run_id": run_id} if private is None else {**kwargs, "run_id": run_id, "usage": private}
        result = await agent.run(*args, **given)
        data, carried = dump_run(result, spec)
        delta = None if before is None or private is None else usage_delta(before, private)
        call.carry({**carried, "usage": delta})
        return data

    prompt = args[0] if args else kwargs.get("user_prompt")
    outcome = await seam.run_unit_async(with_config(_unit(settings, run_id, prompt), config), body)
    if shared is not None:
        add_usage(shared, outcome.carried)
    return load_run(outcome.value, outcome.carried, spec)


def _unit(settings: Settings, run_id: str, prompt: object) -> seam.Unit:
    scope = seam.current_scope()
    path = run_id.removeprefix(f"{scope.lineage_id}/") if scope is not None else run_id
    return seam.Unit(
        name=settings.slug,
        adapter=ADAPTER,
        kind="run",
        key=f"{path}/turn",
        inputs={"input": prompt} if settings.capture.save_prompts else {},
        identity={"input": prompt},
    )
