"""How a runner is set up: everything that a caller may configure, checked once and then frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.configs import CheckpointConfig, check_config, check_named_configs, config_for
from kitaru_adapters.kit.strategies import check_strategy
from kitaru_adapters.openai_agents.capture import OpenAICapturePolicy
from kitaru_adapters.openai_agents.types import OpenAIUsageSummary

__all__ = [
    "ADAPTER",
    "Approvals",
    "CheckpointStrategy",
    "ContextIdentity",
    "CostCalculator",
    "RunnerSettings",
    "ToolCheckpointOverride",
    "check_settings",
    "validate_checkpoint_strategy",
]

ADAPTER = "openai_agents"
STRATEGIES = ("calls", "runner_call")
CheckpointStrategy = Literal["calls", "runner_call"]
Approvals = Literal["request", "wait"]
ToolCheckpointOverride = CheckpointConfig | Literal[False]
CostCalculator = Callable[[OpenAIUsageSummary], float | None]
ContextIdentity: TypeAlias = Callable[[Any], str]
"""Turns the context of a run, whose type only the caller knows, into text that separates cached outcomes."""

_OLD_WORDS = {"step": "calls", "run": "runner_call"}


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """Everything that was configured on a runner.

    Attributes:
        name: Name of the runner, part of every stable key.
        strategy: Where the durable boundaries lie.
        approvals: Whether pending approvals come back as a result or are waited for in place.
        denial_message: What the model reads when a call was denied in place.
        approval_timeout: Seconds to poll for an answer in place before the flow pauses.
        capture: What may be seen; replay does not depend on it.
        run: Configuration of the one boundary of `runner_call`.
        model: Configuration of model calls.
        tool: Configuration of local tools.
        tool_by_name: Configuration of single tools, or `False` to run one without a boundary.
        custom_tool: Configuration of custom, shell and patch tools.
        mcp: Configuration of MCP listings and calls.
        handoff_checkpoints: Whether handoff callbacks are boundaries as well.
        context_identity: Turns the run's context into text that separates cached outcomes.
        cost_calculator: Estimates the cost of a run.
    """

    name: str
    strategy: CheckpointStrategy
    approvals: Approvals
    denial_message: str
    approval_timeout: float | None
    capture: OpenAICapturePolicy
    run: CheckpointConfig
    model: CheckpointConfig
    tool: CheckpointConfig
    tool_by_name: Mapping[str, ToolCheckpointOverride]
    custom_tool: CheckpointConfig
    mcp: CheckpointConfig
    handoff_checkpoints: bool
    context_identity: ContextIdentity | None
    cost_calculator: CostCalculator | None

    def for_tool(self, name: str, *, custom: bool = False) -> ToolCheckpointOverride:
        """Return the configuration of one tool, or `False` if it was taken out of checkpointing."""
        return config_for(name, self.custom_tool if custom else self.tool, self.tool_by_name)


def validate_checkpoint_strategy(value: object) -> CheckpointStrategy:
    """Return the strategy if it is one of this adapter's.

    Args:
        value: What the caller gave.

    Returns:
        `"calls"` or `"runner_call"`.

    Raises:
        KitaruUsageError: It is neither; words of an older vocabulary are named together with today's.
    """
    renamed = _OLD_WORDS.get(value) if isinstance(value, str) else None
    hint = f"{value!r} is now written {renamed!r}." if renamed else None
    checked = check_strategy(value, accepted=STRATEGIES, hint=hint)
    return "calls" if checked == "calls" else "runner_call"


def check_settings(  # noqa: PLR0913 - one argument per setting of the runner
    *,
    name: object,
    checkpoint_strategy: object,
    approvals: object,
    denial_message: str,
    approval_timeout: float | None,
    capture: OpenAICapturePolicy | None,
    configs: Mapping[str, object],
    tool_checkpoint_config_by_name: object,
    handoff_checkpoints: bool,
    context_identity: ContextIdentity | None,
    cost_calculator: CostCalculator | None,
) -> RunnerSettings:
    """Check what a caller configured, before anything runs.

    Args:
        name: Name of the runner.
        checkpoint_strategy: Where the boundaries lie.
        approvals: How approvals are handled.
        denial_message: Text for a denied call.
        approval_timeout: Seconds to poll in place.
        capture: What may be seen.
        configs: Boundary configurations by the name of the argument that gave them.
        tool_checkpoint_config_by_name: Configurations by tool.
        handoff_checkpoints: Whether handoff callbacks are boundaries.
        context_identity: Identity of the run's context.
        cost_calculator: Cost estimate.

    Returns:
        The frozen settings.

    Raises:
        KitaruUsageError: An argument does not fit; the error names it.
    """
    if not isinstance(name, str) or not name.strip():
        msg = f"The runner has no usable name ({name!r}); name the agent, or give name= to the runner."
        raise KitaruUsageError(msg)
    strategy = validate_checkpoint_strategy(checkpoint_strategy)
    checked = {argument: check_config(value, argument=argument) for argument, value in configs.items()}
    return RunnerSettings(
        name=name.strip(),
        strategy=strategy,
        approvals=_check_approvals(approvals, strategy),
        denial_message=denial_message,
        approval_timeout=approval_timeout,
        capture=capture or OpenAICapturePolicy(),
        run=checked["run_checkpoint_config"],
        model=checked["model_checkpoint_config"],
        tool=checked["tool_checkpoint_config"],
        tool_by_name=_check_by_name(tool_checkpoint_config_by_name),
        custom_tool=checked["custom_tool_checkpoint_config"],
        mcp=checked["mcp_checkpoint_config"],
        handoff_checkpoints=handoff_checkpoints,
        context_identity=context_identity,
        cost_calculator=cost_calculator,
    )


def _check_by_name(value: object) -> Mapping[str, ToolCheckpointOverride]:
    by_name = check_named_configs(value, argument="tool_checkpoint_config_by_name")
    if any(not tool.strip() for tool in by_name):
        msg = "tool_checkpoint_config_by_name has a blank tool name; its keys are the names of tools."
        raise KitaruUsageError(msg)
    return by_name


def _check_approvals(value: object, strategy: CheckpointStrategy) -> Approvals:
    if value not in ("request", "wait"):
        msg = f"approvals={value!r} is not known; use 'request' (an interrupted result) or 'wait' (asked in place)."
        raise KitaruUsageError(msg)
    if value == "wait" and strategy != "calls":
        msg = (
            "approvals='wait' needs checkpoint_strategy='calls': inside one boundary around the whole run nothing can "
            "be asked. Use 'calls', or leave approvals='request' and pass the result to wait_for_approval()."
        )
        raise KitaruUsageError(msg)
    return "wait" if value == "wait" else "request"
