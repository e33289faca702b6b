"""Approvals as waits: between two runs, by request and resume, or in place, within one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.errors import KitaruContextError, KitaruUsageError
from kitaru.seam import Question, ask, ask_async, in_flow
from kitaru_adapters.kit.names import slug
from kitaru_adapters.openai_agents.settings import ADAPTER
from kitaru_adapters.openai_agents.state import apply_decision, call_id_of, summarise_interruptions
from kitaru_adapters.openai_agents.types import OpenAIApprovalDecision, OpenAIRunRequest, OpenAIRunResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.items import ToolApprovalItem
    from agents.run import RunState

    from kitaru.records.plain import JsonObject
    from kitaru_adapters.openai_agents.settings import RunnerSettings
    from kitaru_adapters.openai_agents.types import OpenAIInterruptionSummary

__all__ = [
    "DENIAL_MESSAGE",
    "ask_in_place",
    "build_resume_request",
    "wait_for_approval",
    "wait_for_approvals",
]

DENIAL_MESSAGE = "The request to run this tool was denied."


def build_resume_request(
    result: OpenAIRunResult,
    *,
    approve: bool,
    interruption_index: int | None = None,
    rejection_message: str | None = None,
) -> OpenAIRunRequest:
    """Return the request that continues an interrupted run with one decision.

    Args:
        result: The interrupted result.
        approve: The decision.
        interruption_index: Which interruption; the first when absent.
        rejection_message: What the model reads instead of a result, for a rejection.

    Returns:
        A resume request.

    Raises:
        KitaruUsageError: The result is not interrupted, has no state, or has no such interruption.
    """
    item = _interruption(result, interruption_index)
    return OpenAIRunRequest.resume(
        result.pending_state,
        OpenAIApprovalDecision(
            call_id=item.call_id,
            interruption_index=item.index,
            approve=approve,
            rejection_message=None if approve else rejection_message,
        ),
    )


def wait_for_approval(
    result: OpenAIRunResult,
    *,
    name: str | None = None,
    interruption_index: int | None = None,
    denial_message: str = DENIAL_MESSAGE,
    timeout: float | None = None,
) -> OpenAIRunRequest:
    """Ask a person about one pending call, and return the request that continues the run.

    Args:
        result: An interrupted result.
        name: Name of the wait; by default the tool and the call id.
        interruption_index: Which interruption; the first when absent.
        denial_message: What the model reads if the person says no.
        timeout: Seconds to poll before the flow pauses.

    Returns:
        A resume request with the decision.

    Raises:
        KitaruContextError: Called outside of flow scope.
        KitaruUsageError: There is nothing to decide; no wait was created.
    """
    _refuse_other_scopes("wait_for_approval")
    item = _interruption(result, interruption_index)
    (approved,) = ask([_question(item, name=name, timeout=timeout)])
    return _resume(result, [item], [approved], denial_message)


def wait_for_approvals(
    result: OpenAIRunResult, *, denial_message: str = DENIAL_MESSAGE, timeout: float | None = None
) -> OpenAIRunRequest:
    """Ask about every pending call at once, and return one request with all decisions.

    Args:
        result: An interrupted result.
        denial_message: What the model reads for each call that is denied.
        timeout: Seconds to poll before the flow pauses.

    Returns:
        A resume request.

    Raises:
        KitaruContextError: Called outside of flow scope.
        KitaruUsageError: There is nothing to decide; no wait was created.
    """
    _refuse_other_scopes("wait_for_approvals")
    _interruption(result, None)
    items = result.interruptions
    return _resume(result, items, ask([_question(item, timeout=timeout) for item in items]), denial_message)


async def ask_in_place(state: RunState, settings: RunnerSettings) -> None:
    """Open a wait for every pending call of a paused run, and apply the answers to its live state.

    Args:
        state: The paused run; it is not stored, because a rerun comes to the same point from recorded calls.
        settings: How the runner was configured.

    Raises:
        Suspension: An answer is still missing when the polling window ends.
    """
    pending: Sequence[ToolApprovalItem] = state.get_interruptions()
    shown = summarise_interruptions(pending, payloads=settings.capture.save_interruption_payloads)
    bound = [{"tool": one.tool_name, "arguments": item.arguments} for one, item in zip(shown, pending, strict=True)]
    window = settings.approval_timeout
    questions = [_question(one, timeout=window, bound_to=facts) for one, facts in zip(shown, bound, strict=True)]
    answers = await ask_async(questions)
    for item, approved in zip(pending, answers, strict=True):
        decision = OpenAIApprovalDecision(
            call_id=call_id_of(item),
            approve=bool(approved),
            rejection_message=None if approved else settings.denial_message,
        )
        apply_decision(state, item, decision)


def _question(
    item: OpenAIInterruptionSummary,
    *,
    name: str | None = None,
    timeout: float | None = None,
    bound_to: JsonObject | None = None,
) -> Question:
    call = item.call_id or str(item.index)
    metadata: JsonObject = {
        "adapter": ADAPTER,
        "source": "approval_bridge",
        "interruption_index": item.index,
        "tool_name": item.tool_name,
        "call_id": item.call_id,
    }
    if item.arguments is not None:
        metadata["arguments"] = item.arguments
    return Question(
        name=name or slug(f"approve_{item.tool_name}_{call}", fallback="approve"),
        schema=bool,
        question=item.message,
        metadata=metadata,
        timeout=timeout,
        bound_to={"call_id": item.call_id, **(bound_to or {"tool": item.tool_name, "arguments": item.arguments})},
    )


def _resume(
    result: OpenAIRunResult, items: Sequence[OpenAIInterruptionSummary], answers: Sequence[object], denial: str
) -> OpenAIRunRequest:
    decisions = [
        OpenAIApprovalDecision(
            call_id=item.call_id,
            interruption_index=item.index,
            approve=bool(answer),
            rejection_message=None if answer else denial,
        )
        for item, answer in zip(items, answers, strict=True)
    ]
    return OpenAIRunRequest.resume(result.pending_state, decisions[0] if len(decisions) == 1 else decisions)


def _interruption(result: OpenAIRunResult, index: int | None) -> OpenAIInterruptionSummary:
    if not isinstance(result, OpenAIRunResult) or result.status != "interrupted":
        msg = "There is nothing to approve: the result is not an interrupted run. Check result.status first."
        raise KitaruUsageError(msg)
    if result.pending_state is None:
        msg = "The interrupted result has no state, because capture has save_run_state=False; it cannot be resumed."
        raise KitaruUsageError(msg)
    wanted = index or 0
    found = next((item for item in result.interruptions if item.index == wanted), None)
    if found is None:
        msg = f"The result has no interruption {wanted}; it has {len(result.interruptions)}, counted from 0."
        raise KitaruUsageError(msg)
    return found


def _refuse_other_scopes(helper: str) -> None:
    if not in_flow():
        msg = (
            f"{helper}() opens a wait, and a wait belongs into the body of a flow: not into a checkpoint, and not "
            "outside of a flow. Return the interrupted result to the flow and call it there."
        )
        raise KitaruContextError(msg)
