"""Paused runs as data: the framework's own snapshot in an envelope, and what a person sees of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import agents
from agents.exceptions import UserError
from agents.run import RunState

from kitaru.errors import KitaruUsageError
from kitaru_adapters.openai_agents.types import OpenAIInterruptionSummary, OpenAIRunStateEnvelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents import Agent
    from agents.items import ToolApprovalItem
    from agents.run_state import ContextDeserializer, ContextSerializer

    from kitaru_adapters.openai_agents.types import OpenAIApprovalDecision, OpenAIRunRequest

__all__ = ["ContextCodec", "call_id_of", "decide", "open_state", "save_state", "summarise_interruptions"]

_PREVIEW = 500


@dataclass(frozen=True)
class ContextCodec:
    """How a run's live context goes into a paused state and out of it.

    Attributes:
        serializer: Turns the context into a mapping.
        deserializer: Turns the mapping into a context.
        strict: Whether a context that is no mapping is refused without the two.
    """

    serializer: ContextSerializer | None = None
    deserializer: ContextDeserializer | None = None
    strict: bool = True


def save_state(state: RunState, codec: ContextCodec, *, strict_sdk_version: bool) -> OpenAIRunStateEnvelope:
    """Return a paused run as data.

    Args:
        state: The framework's state.
        codec: How the context is written.
        strict_sdk_version: Whether resuming under another release adds a warning.

    Returns:
        The envelope.

    Raises:
        UserError: The context cannot be written in strict mode.
    """
    try:
        state_json = state.to_json(context_serializer=codec.serializer, strict_context=codec.strict)
    except UserError as error:
        error.add_note(
            "The paused run cannot be stored with this context. Give the runner context_serializer= and "
            "context_deserializer=, use a mapping as context, or use approvals='wait', which stores no state."
        )
        raise
    return OpenAIRunStateEnvelope(
        agents_sdk_version=agents.__version__,
        state_json=state_json,
        strict_sdk_version=strict_sdk_version,
        context_codec=codec.serializer is not None,
        created_at_iso=datetime.now(UTC).isoformat(),
    )


async def open_state(envelope: OpenAIRunStateEnvelope, agent: Agent, codec: ContextCodec, context: object) -> RunState:
    """Return a paused run, ready to be decided and continued.

    Args:
        envelope: What was stored; it must come from our own store, for it holds approvals.
        agent: The agent the run started with.
        codec: How the context is read.
        context: A fresh context that takes the place of the stored one, or `None`.

    Returns:
        The framework's state.

    Raises:
        UserError: The framework refuses the snapshot, for example because its schema is newer.
    """
    override = agents.RunContextWrapper(context) if context is not None and not isinstance(context, dict) else context
    try:
        return await RunState.from_json(
            agent,
            envelope.state_json,
            context_override=override,
            context_deserializer=codec.deserializer,
            strict_context=codec.strict and context is None,
        )
    except UserError as error:
        error.add_note(
            f"The paused run was stored by openai-agents {envelope.agents_sdk_version}; {agents.__version__} is "
            "installed. Its data is unchanged: resume it under a release that can read it."
        )
        raise


def version_warnings(envelope: OpenAIRunStateEnvelope) -> list[str]:
    """Return what to warn about when a state is resumed under another release."""
    if not envelope.strict_sdk_version or envelope.agents_sdk_version == agents.__version__:
        return []
    return [f"resumed under openai-agents {agents.__version__}; stored by {envelope.agents_sdk_version}"]


def call_id_of(item: ToolApprovalItem) -> str | None:
    """Return the tool call id of an interruption, whatever form its item has."""
    raw: object = item.raw_item
    for name in ("call_id", "id"):
        value = raw.get(name) if isinstance(raw, dict) else getattr(raw, name, None)
        if isinstance(value, str) and value:
            return value
    return None


def summarise_interruptions(items: Sequence[ToolApprovalItem], *, payloads: bool) -> list[OpenAIInterruptionSummary]:
    """Return what a person sees of pending calls.

    Args:
        items: The framework's interruptions.
        payloads: Whether arguments may be seen.

    Returns:
        One summary per interruption.
    """
    summaries = []
    for index, item in enumerate(items):
        tool, call_id = item.qualified_name or item.name or "tool", call_id_of(item)
        arguments = item.arguments if payloads else None
        summaries.append(
            OpenAIInterruptionSummary(
                index=index,
                tool_name=tool,
                call_id=call_id,
                message=f"Approve the call of {tool!r}" + (f" ({call_id})?" if call_id else "?"),
                arguments=arguments,
                arguments_preview=arguments[:_PREVIEW] if arguments is not None else None,
            )
        )
    return summaries


def decide(state: RunState, request: OpenAIRunRequest) -> None:
    """Apply the decisions of a request to a state; what is not decided stays pending.

    Args:
        state: The paused run.
        request: A resume request.

    Raises:
        KitaruUsageError: A decision names a call that does not wait, or two name the same.
    """
    pending = list(state.get_interruptions())
    if not pending:
        msg = "The paused run has nothing to approve; was it resumed before? Take the state of the latest result."
        raise KitaruUsageError(msg)
    decided: set[int] = set()
    for decision in request.all_decisions:
        index = _index(pending, decision)
        if index in decided:
            msg = f"Two decisions are about the same call, {call_id_of(pending[index])!r}; give one decision per call."
            raise KitaruUsageError(msg)
        decided.add(index)
        apply_decision(state, pending[index], decision)


def apply_decision(state: RunState, item: ToolApprovalItem, decision: OpenAIApprovalDecision) -> None:
    """Apply one decision to one pending call."""
    if decision.approve:
        state.approve(item, always_approve=decision.always)
    else:
        state.reject(item, always_reject=decision.always, rejection_message=decision.rejection_message)


def _index(pending: Sequence[ToolApprovalItem], decision: OpenAIApprovalDecision) -> int:
    known = [call_id_of(item) for item in pending]
    if decision.call_id is not None:
        if decision.call_id in known:
            return known.index(decision.call_id)
        msg = f"No call {decision.call_id!r} waits for a decision; waiting are: {', '.join(map(str, known))}."
        raise KitaruUsageError(msg)
    if decision.interruption_index < len(pending):
        return decision.interruption_index
    msg = f"There is no interruption {decision.interruption_index}; the run has {len(pending)}, counted from 0."
    raise KitaruUsageError(msg)


__all__ += ["apply_decision", "version_warnings"]
