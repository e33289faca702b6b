"""What the caller set for one agent, checked once and shared by everything that the adapter hangs into its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.configs import CheckpointConfig, check_config, check_named_configs
from kitaru_adapters.kit.names import slug
from kitaru_adapters.kit.strategies import check_strategy
from kitaru_adapters.pydantic_ai.types import STRATEGIES, CapturePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kitaru_adapters.pydantic_ai.types import CheckpointStrategy, CostCalculator

    DepsIdentity: TypeAlias = Callable[[Any], object]  # takes the dependencies of its agent, whatever their type

__all__ = ["Settings", "make_settings", "resolve_strategy", "validate_checkpoint_strategy"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked settings of one agent.

    Attributes:
        agent_name: Name of the agent, part of the names of its units.
        capture: What may be seen.
        model_config: Settings of model requests.
        tool_config: Settings of function tools.
        mcp_config: Settings of MCP calls and discovery.
        named_configs: Settings of single tools; `False` runs a tool at flow scope.
        turn_config: Settings of the one unit of strategy `turn`.
        cost_calculator: Estimates the cost of one model request.
        deps_cache_identity: Says as plain data whose dependencies a run has; opaque ones are never shared by a cache.
    """

    agent_name: str = "agent"
    capture: CapturePolicy = field(default_factory=CapturePolicy)
    model_config: CheckpointConfig = field(default_factory=CheckpointConfig)
    tool_config: CheckpointConfig = field(default_factory=CheckpointConfig)
    mcp_config: CheckpointConfig = field(default_factory=CheckpointConfig)
    named_configs: Mapping[str, CheckpointConfig | Literal[False]] = field(default_factory=dict)
    turn_config: CheckpointConfig = field(default_factory=CheckpointConfig)
    cost_calculator: CostCalculator | None = None
    deps_cache_identity: DepsIdentity | None = None

    @property
    def slug(self) -> str:
        """The agent's name as it stands in names of units."""
        return slug(self.agent_name, fallback="agent")


def make_settings(  # noqa: PLR0913 - the arguments of the public constructors
    *,
    agent_name: str,
    capture: CapturePolicy | None = None,
    model_checkpoint_config: CheckpointConfig | None = None,
    tool_checkpoint_config: CheckpointConfig | None = None,
    tool_checkpoint_config_by_name: Mapping[str, CheckpointConfig | Literal[False]] | None = None,
    mcp_checkpoint_config: CheckpointConfig | None = None,
    turn_checkpoint_config: CheckpointConfig | None = None,
    cost_calculator: CostCalculator | None = None,
    deps_cache_identity: DepsIdentity | None = None,
) -> Settings:
    """Check what the caller gave and return it in one piece.

    Args:
        agent_name: Name of the agent.
        capture: What may be seen; `None` means the default policy.
        model_checkpoint_config: Settings of model requests.
        tool_checkpoint_config: Settings of function tools.
        tool_checkpoint_config_by_name: Settings of single tools; `False` runs a tool at flow scope.
        mcp_checkpoint_config: Settings of MCP calls and discovery.
        turn_checkpoint_config: Settings of the one unit of strategy `turn`.
        cost_calculator: Estimates the cost of one model request.
        deps_cache_identity: Says as plain data whose dependencies a run has.

    Returns:
        The settings.

    Raises:
        KitaruUsageError: A configuration is wrong; the text names the argument.
    """
    return Settings(
        agent_name=agent_name,
        capture=capture or CapturePolicy(),
        model_config=check_config(model_checkpoint_config, argument="model_checkpoint_config"),
        tool_config=check_config(tool_checkpoint_config, argument="tool_checkpoint_config"),
        mcp_config=check_config(mcp_checkpoint_config, argument="mcp_checkpoint_config"),
        named_configs=check_named_configs(tool_checkpoint_config_by_name, argument="tool_checkpoint_config_by_name"),
        turn_config=check_config(turn_checkpoint_config, argument="turn_checkpoint_config"),
        cost_calculator=cost_calculator,
        deps_cache_identity=deps_cache_identity,
    )


def resolve_strategy(strategy: object, granular: object, **per_call: object) -> str:
    """Return the strategy that the two spellings agree on.

    Args:
        strategy: The argument `checkpoint_strategy`, or `None`.
        granular: The argument `granular_checkpoints`, or `None`.
        **per_call: The configurations of single calls, by argument name.

    Returns:
        `"calls"` or `"turn"`.

    Raises:
        KitaruUsageError: The name is unknown, the spellings contradict each other, or settings of single calls were
            given for a strategy that does not record single calls.
    """
    chosen = "calls" if strategy is None else check_strategy(strategy, accepted=STRATEGIES)
    if granular is not None:
        if not isinstance(granular, bool):
            msg = f"granular_checkpoints={granular!r} must be True, False or None."
            raise KitaruUsageError(msg)
        meant = "calls" if granular else "turn"
        if strategy is not None and meant != chosen:
            msg = (
                f"checkpoint_strategy={strategy!r} and granular_checkpoints={granular!r} contradict each other; "
                "granular_checkpoints=True means 'calls' and False means 'turn'. Give one of the two."
            )
            raise KitaruUsageError(msg)
        chosen = meant
    given = sorted(name for name, value in per_call.items() if value)
    if chosen == "turn" and given:
        msg = (
            f"{', '.join(given)} cannot be used with the strategy 'turn', which records the whole run as one "
            "checkpoint. Use turn_checkpoint_config, or the strategy 'calls'."
        )
        raise KitaruUsageError(msg)
    return chosen


def validate_checkpoint_strategy(value: object) -> CheckpointStrategy:
    """Return the strategy if this adapter offers it.

    Args:
        value: What the caller gave.

    Returns:
        `"calls"` or `"turn"`.

    Raises:
        KitaruUsageError: It is neither.
    """
    return cast("CheckpointStrategy", check_strategy(value, accepted=STRATEGIES))
