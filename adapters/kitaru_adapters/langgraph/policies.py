"""What a caller may set on a runner: capture, durability, checkpoints per call, streaming. Checked at construction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.configs import CheckpointConfig, check_config, check_named_configs
from kitaru_adapters.kit.strategies import check_strategy
from kitaru_adapters.langgraph.types import Durability, GraphCheckpointStrategy

__all__ = [
    "LangGraphCallCheckpointPolicy",
    "LangGraphCapturePolicy",
    "LangGraphDurabilityPolicy",
    "LangGraphStreamMode",
    "LangGraphStreamPolicy",
    "check_stream_modes",
    "validate_checkpoint_strategy",
]

LangGraphStreamMode = Literal["values", "updates", "messages", "custom", "checkpoints", "tasks", "debug", "tools"]
Setting = CheckpointConfig | Literal[False]
MAX_DISPLAY = 4000


def validate_checkpoint_strategy(value: object) -> GraphCheckpointStrategy:
    """Return the strategy if it is one of the two.

    Args:
        value: What the caller gave.

    Returns:
        `"graph_call"` or `"calls"`.

    Raises:
        KitaruUsageError: It is anything else.
    """
    checked = check_strategy(value, accepted=get_args(GraphCheckpointStrategy))
    return "calls" if checked == "calls" else "graph_call"


def _check_word(value: object, words: tuple[str, ...], argument: str) -> None:
    if value not in words:
        msg = f"{argument}={value!r} is not known; use one of: {', '.join(map(repr, words))}."
        raise KitaruUsageError(msg)


@dataclass(frozen=True, kw_only=True)
class LangGraphCapturePolicy:
    """What may be seen of a run in events, inputs and summaries; replay never depends on it.

    Attributes:
        save_input: Show the input in the run summary.
        save_output: Show the output in the run summary.
        save_config: Show the configuration, with secrets taken out.
        save_context: Show the context, with secrets taken out.
        save_state_snapshot: Read the thread's state after the run for the result's `state_summary`.
        save_state_values: Show the full channel values.
        save_state_tasks: Show facts about pending tasks.
        save_usage: Write usage records and fill `result.usage`.
        emit_call_events: Record an event for each model and tool call.
        save_model_input: Show the structure of model requests; texts only with `capture_mode="full"`.
        save_model_response: Refer to the model's stored answer in its event.
        save_model_usage: Show tokens in the model's event.
        save_tool_args: Show tool arguments, with secrets taken out.
        save_tool_result: Refer to the tool's stored result in its event.
        fail_on_event_persistence_error: Raise when events cannot be stored, instead of warning.
        capture_mode: `"metadata"` replaces message texts; `"full"` shows them, and whole task snapshots.
    """

    save_input: bool = True
    save_output: bool = True
    save_config: bool = True
    save_context: bool = False
    save_state_snapshot: bool = True
    save_state_values: bool = False
    save_state_tasks: bool = True
    save_usage: bool = True
    emit_call_events: bool = True
    save_model_input: bool = True
    save_model_response: bool = True
    save_model_usage: bool = True
    save_tool_args: bool = True
    save_tool_result: bool = True
    fail_on_event_persistence_error: bool = False
    capture_mode: Literal["metadata", "full"] = "metadata"

    def __post_init__(self) -> None:
        """Check the mode.

        Raises:
            KitaruUsageError: It is not one of the two.
        """
        _check_word(self.capture_mode, ("metadata", "full"), "capture_mode")

    @property
    def shows_text(self) -> bool:
        """Whether texts of messages may be stored for inspection."""
        return self.capture_mode == "full"


@dataclass(frozen=True, kw_only=True)
class LangGraphCallCheckpointPolicy:
    """Which calls of a graph become checkpoints of their own, and with which settings.

    Attributes:
        model_checkpoint_config: Settings of model calls; `False` opens none.
        tool_checkpoint_config: Settings of tool calls; `False` opens none.
        tool_checkpoint_config_by_name: The same by tool; an entry replaces the general one, also a general `False`.
        summary_checkpoint_config: Settings of the checkpoint that holds a finished invocation.
        persist_run_artifacts: Save the event log and the run summary as artifacts.
        nested_checkpoint_policy: What a runner does inside a checkpoint: `"error"`, or `"metadata_only"` to run without
            checkpoints of its own.
        async_checkpoint_policy: `"checkpoint"` opens true checkpoints in asynchronous runs as well;
            `"metadata_only"` opens none there.
    """

    model_checkpoint_config: Setting | None = None
    tool_checkpoint_config: Setting | None = None
    tool_checkpoint_config_by_name: dict[str, Setting] = field(default_factory=dict)
    summary_checkpoint_config: CheckpointConfig | None = None
    persist_run_artifacts: bool = True
    nested_checkpoint_policy: Literal["error", "metadata_only"] = "error"
    async_checkpoint_policy: Literal["checkpoint", "metadata_only"] = "checkpoint"

    def __post_init__(self) -> None:
        """Check and copy every configuration.

        Raises:
            KitaruUsageError: One of them is wrong; the message names it.
        """
        for name in ("model_checkpoint_config", "tool_checkpoint_config"):
            value = getattr(self, name)
            object.__setattr__(self, name, value if value is False else check_config(value, argument=name))
        summary = check_config(self.summary_checkpoint_config, argument="summary_checkpoint_config")
        named = check_named_configs(self.tool_checkpoint_config_by_name, argument="tool_checkpoint_config_by_name")
        object.__setattr__(self, "summary_checkpoint_config", summary)
        object.__setattr__(self, "tool_checkpoint_config_by_name", named)
        _check_word(self.nested_checkpoint_policy, ("error", "metadata_only"), "nested_checkpoint_policy")
        _check_word(self.async_checkpoint_policy, ("checkpoint", "metadata_only"), "async_checkpoint_policy")

    def for_model(self) -> Setting:
        """Return the settings of model calls, `False` for none."""
        return self.model_checkpoint_config if self.model_checkpoint_config is not None else {}

    def for_tool(self, name: str) -> Setting:
        """Return the settings of one tool's calls, `False` for none."""
        general = self.tool_checkpoint_config if self.tool_checkpoint_config is not None else {}
        return self.tool_checkpoint_config_by_name.get(name, general)


@dataclass(frozen=True, kw_only=True)
class LangGraphDurabilityPolicy:
    """How a runner treats LangGraph's own durable threads.

    Attributes:
        mode: LangGraph's durability mode, where a saver is in effect.
        require_thread_id: Refuse raw input without a thread id.
        require_checkpointer: Refuse to run a graph without a saver.
        warn_without_checkpointer: Warn once per result when no saver is in effect.
        warn_ephemeral_checkpointer: Warn once per result when the saver does not outlive the process.
        inspect_state_after_run: Read the thread's state after the run.
        on_existing_run: `"error"` refuses a thread on which another invocation of kitaru is unfinished.
        replay_thread: `"fork"` lets a replay work on a copy of the thread as it was; `"same"` on the thread itself.
    """

    mode: Durability = "sync"
    require_thread_id: bool = True
    require_checkpointer: bool = False
    warn_without_checkpointer: bool = True
    warn_ephemeral_checkpointer: bool = True
    inspect_state_after_run: bool = True
    on_existing_run: Literal["continue", "error"] = "continue"
    replay_thread: Literal["fork", "same"] = "fork"

    def __post_init__(self) -> None:
        """Check the words.

        Raises:
            KitaruUsageError: One of them is not known.
        """
        _check_word(self.mode, get_args(Durability), "durability.mode")
        _check_word(self.on_existing_run, ("continue", "error"), "on_existing_run")
        _check_word(self.replay_thread, ("fork", "same"), "replay_thread")


@dataclass(frozen=True, kw_only=True)
class LangGraphStreamPolicy:
    """What a streamed run publishes as live events; never what it returns.

    Attributes:
        default_modes: Stream modes where a call names none.
        include_raw_payloads: Publish redacted payloads of updates, values, tasks and checkpoints.
        allow_debug: Allow the mode `debug`.
        include_message_text_deltas: Publish the text of message parts.
        include_custom_payload: Publish what nodes write to their stream.
        max_display_chars: Longest line for people.
    """

    default_modes: tuple[LangGraphStreamMode, ...] = ("messages", "updates", "custom")
    include_raw_payloads: bool = False
    allow_debug: bool = False
    include_message_text_deltas: bool = False
    include_custom_payload: bool = False
    max_display_chars: int = 240

    def __post_init__(self) -> None:
        """Check the modes and the limit.

        Raises:
            KitaruUsageError: A mode is unknown, there is none, or the limit is outside 1 to 4000.
        """
        object.__setattr__(self, "default_modes", check_stream_modes(self.default_modes, allow_debug=self.allow_debug))
        if not 1 <= self.max_display_chars <= MAX_DISPLAY:
            msg = f"max_display_chars={self.max_display_chars!r} must lie between 1 and {MAX_DISPLAY}."
            raise KitaruUsageError(msg)

    def modes(self, asked: object) -> tuple[LangGraphStreamMode, ...]:
        """Return the modes of one call: those it asks for, or the default ones."""
        return self.default_modes if asked is None else check_stream_modes(asked, allow_debug=self.allow_debug)


def check_stream_modes(value: object, *, allow_debug: bool) -> tuple[LangGraphStreamMode, ...]:
    """Return the stream modes without repetitions.

    Args:
        value: One mode or a sequence of modes.
        allow_debug: Whether `debug` may be among them.

    Returns:
        The modes in the order given.

    Raises:
        KitaruUsageError: There is none, one is unknown, or `debug` is not allowed.
    """
    asked = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple)) else ()
    known: dict[str, LangGraphStreamMode] = {mode: mode for mode in get_args(LangGraphStreamMode)}
    if not asked or any(mode not in known for mode in asked):
        msg = f"stream_mode={value!r} must name one or more of: {', '.join(known)}."
        raise KitaruUsageError(msg)
    if "debug" in asked and not allow_debug:
        msg = "stream_mode 'debug' publishes internals; allow it with LangGraphStreamPolicy(allow_debug=True)."
        raise KitaruUsageError(msg)
    return tuple(known[mode] for mode in dict.fromkeys(asked))
