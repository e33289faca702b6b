"""What a runner was made with, as the parts below it see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru_adapters.kit.configs import CheckpointConfig
    from kitaru_adapters.langgraph.policies import (
        LangGraphCallCheckpointPolicy,
        LangGraphCapturePolicy,
        LangGraphDurabilityPolicy,
        LangGraphStreamPolicy,
    )
    from kitaru_adapters.langgraph.types import GraphCheckpointStrategy, LangGraphRunRequest, LangGraphUsageSummary

__all__ = ["RunnerSettings"]


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """The checked settings of a runner.

    Attributes:
        name: Name in checkpoints.
        checkpoint_strategy: `"graph_call"` or `"calls"`.
        capture: What may be seen of a run.
        durability: How LangGraph's own threads are treated.
        stream_policy: What streamed runs publish.
        run_checkpoint_config: Settings of the one checkpoint of `"graph_call"`.
        call_checkpoint_policy: Which calls become checkpoints with `"calls"`.
        config_factory: Builds a configuration for each request.
        context_factory: Builds the graph's context for each request that brings none.
        cost_calculator: Says what tokens cost, in dollars.
    """

    name: str
    checkpoint_strategy: GraphCheckpointStrategy
    capture: LangGraphCapturePolicy
    durability: LangGraphDurabilityPolicy
    stream_policy: LangGraphStreamPolicy
    run_checkpoint_config: CheckpointConfig
    call_checkpoint_policy: LangGraphCallCheckpointPolicy
    config_factory: Callable[[LangGraphRunRequest], object] | None
    context_factory: Callable[[LangGraphRunRequest], object] | None
    cost_calculator: Callable[[LangGraphUsageSummary], object] | None
