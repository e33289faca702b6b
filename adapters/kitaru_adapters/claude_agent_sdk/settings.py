"""What a runner was told at construction, checked; and what one invocation knows about its place in the flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from claude_agent_sdk import ClaudeAgentOptions

from kitaru.errors import KitaruUsageError
from kitaru_adapters.claude_agent_sdk.capture import ClaudeCapturePolicy
from kitaru_adapters.claude_agent_sdk.plan import OnInterrupted
from kitaru_adapters.kit.configs import CheckpointConfig
from kitaru_adapters.kit.strategies import check_strategy

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import UnionType

    from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest
    from kitaru_adapters.claude_agent_sdk.types import ClaudeUsageSummary
    from kitaru_adapters.claude_agent_sdk.usage import SessionTotals
    from kitaru_adapters.claude_agent_sdk.waits import ClaudeToolApproval

__all__ = ["Place", "RunnerSettings", "SessionIds", "validate_checkpoint_strategy"]

SessionIds = Literal["derived", "claude"]

_GRANULAR = frozenset({"calls", "runner_call", "granular", "model_call", "tool_call", "step", "run"})
_WHY_NOT = (
    "Claude's program runs its own loop, so the model calls and tools inside it cannot be read back one by one. Use "
    "durable_mcp_server for tools whose results must survive, and a checkpoint of its own for an effect after Claude "
    "has returned."
)


def validate_checkpoint_strategy(value: object) -> Literal["invocation"]:
    """Return the strategy if it is the one this adapter offers.

    Args:
        value: What the caller gave.

    Raises:
        KitaruUsageError: It is another one; for those of other adapters the error says why they cannot work here.
    """
    hint = _WHY_NOT if isinstance(value, str) and value in _GRANULAR else None
    check_strategy(value, accepted=["invocation"], hint=hint)
    return "invocation"


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """The arguments of a runner; see `KitaruClaudeRunner`.

    Attributes:
        name: Name of the runner.
        options: Static options.
        options_factory: Makes options for a request.
        capture: What is kept for people.
        config: Settings of the checkpoint.
        allow_direct: Whether a run inside a checkpoint is allowed.
        cost_calculator: Estimates a cost where Claude gives none.
        on_interrupted: What to do about an attempt that broke off.
        session_ids: Who chooses session ids.
        approval: Which tool calls wait for a person.
        observe_tools: Whether started and completed tools are written down.
        resume_timeout: Seconds within which a resumed session must show that it goes on.
        cache_identity: Stands for what cannot be looked into in a cache key.
    """

    name: str
    options: ClaudeAgentOptions | None = None
    options_factory: Callable[[ClaudeRunRequest], ClaudeAgentOptions | None] | None = None
    capture: ClaudeCapturePolicy = field(default_factory=ClaudeCapturePolicy)
    config: CheckpointConfig = field(default_factory=CheckpointConfig)
    allow_direct: bool = False
    cost_calculator: Callable[[ClaudeUsageSummary], object] | None = None
    on_interrupted: OnInterrupted = "rerun"
    session_ids: SessionIds = "derived"
    approval: ClaudeToolApproval | None = None
    observe_tools: bool = True
    resume_timeout: float = 120.0
    cache_identity: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked before anything runs.

        Raises:
            KitaruUsageError: An argument does not fit.
        """
        if not isinstance(self.name, str) or not self.name.strip():
            msg = f"name={self.name!r} is blank; it names the runner's checkpoints, so give it one that stays."
            raise KitaruUsageError(msg)
        if self.options is not None and self.options_factory is not None:
            msg = "options and options_factory exclude each other: give static options, or a function that makes them."
            raise KitaruUsageError(msg)
        _check_class("options", self.options, ClaudeAgentOptions | None)
        _check_class("allow_direct_execution_inside_checkpoint", self.allow_direct, bool)
        _check_word("on_interrupted", self.on_interrupted, get_args(OnInterrupted))
        _check_word("session_ids", self.session_ids, get_args(SessionIds))
        if not self.resume_timeout > 0:
            msg = f"resume_timeout={self.resume_timeout!r} must be a number of seconds above 0."
            raise KitaruUsageError(msg)

    @property
    def keeps_sessions(self) -> bool:
        """Whether Claude's sessions are kept in the journal."""
        return self.on_interrupted == "continue" or self.approval is not None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an invocation stands in the flow.

    Attributes:
        label: `r1`, `r2`, ... by the order of the runner's invocations in the execution.
        streamed: Whether partial messages are published.
        direct: Whether it runs inside a checkpoint of the user's.
        fork: Whether the session it resumes belongs to the execution this one replays.
        before: What that session had cost before.
        parts: How many invocations of this execution have written to that session.
        original_execution_id: Source of the replay.
    """

    label: str
    streamed: bool = False
    direct: bool = False
    fork: bool = False
    before: SessionTotals | None = None
    parts: int = 0
    original_execution_id: str | None = None


def _check_class(argument: str, value: object, kind: type | UnionType) -> None:
    if not isinstance(value, kind):
        name = kind.__name__ if isinstance(kind, type) else str(kind)
        msg = f"{argument}={value!r} is no {name}."
        raise KitaruUsageError(msg)


def _check_word(argument: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        msg = f"{argument}={value!r} is not known; use one of: {', '.join(known)}."
        raise KitaruUsageError(msg)
