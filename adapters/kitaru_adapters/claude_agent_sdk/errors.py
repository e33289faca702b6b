"""How an invocation can fail, and which failures another attempt may mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_agent_sdk import CLIConnectionError, CLINotFoundError, ProcessError

from kitaru.errors import KitaruRuntimeError, KitaruStateError
from kitaru_adapters.kit.limits import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_agent_sdk import ResultMessage

    from kitaru_adapters.claude_agent_sdk.types import ClaudeEarlierAttempt

__all__ = [
    "ClaudeInterruptedError",
    "ClaudeRunError",
    "error_from_exception",
    "error_from_result",
    "is_retryable",
]

_TEXT_LIMIT = 500
_RETRYABLE_STATUS = frozenset({408, 409, 429})
_SERVER_ERROR = 500


class ClaudeRunError(KitaruRuntimeError):
    """An invocation failed.

    Attributes:
        session_id: Claude's session, if there is one.
        subtype: Claude's word for the kind of failure.
        terminal_reason: Why the loop around the model ended.
        api_error_status: HTTP status of the failing API call, if that was the reason.
        usage: Tokens that were used up nevertheless.
        cost_usd: What they cost, if it is known.
        retryable: Whether another attempt may mend it.
        broke_off: Whether the program ended in the middle of things, so that its session may be gone on with.
    """

    def __init__(
        self, message: str, *, session_id: str | None = None, retryable: bool = False, broke_off: bool = False
    ) -> None:
        super().__init__(message)
        self.session_id = session_id
        self.retryable = retryable
        self.broke_off = broke_off
        self.subtype: str | None = None
        self.terminal_reason: str | None = None
        self.api_error_status: int | None = None
        self.usage: dict[str, Any] = {}
        self.cost_usd: float | None = None


class ClaudeInterruptedError(KitaruStateError):
    """An earlier attempt broke off, and the runner was told not to go on by itself.

    Attributes:
        session_id: Session of the last attempt that broke off.
        earlier_attempts: What is known of each.
    """

    def __init__(self, message: str, *, earlier_attempts: Sequence[ClaudeEarlierAttempt]) -> None:
        super().__init__(message)
        self.earlier_attempts = list(earlier_attempts)
        self.session_id = earlier_attempts[-1].session_id if earlier_attempts else None


def is_retryable(error: BaseException) -> bool:
    """Return whether another attempt of the invocation may mend this error."""
    return isinstance(error, ClaudeRunError) and error.retryable


def error_from_result(message: ResultMessage) -> ClaudeRunError:
    """Build the one error of a run that ended with an error result.

    Args:
        message: Claude's result.

    Returns:
        The error, with usage and cost kept.
    """
    status = message.api_error_status
    reason = "; ".join(message.errors or []) or (message.result or "" if status is not None else "")
    detail = clip(reason or message.terminal_reason or message.subtype, _TEXT_LIMIT)
    error = ClaudeRunError(
        f"Claude ended session {message.session_id} with an error ({message.subtype}"
        f"{f', HTTP {status}' if status is not None else ''}): {detail}",
        session_id=message.session_id,
        retryable=status is not None and (status in _RETRYABLE_STATUS or status >= _SERVER_ERROR),
    )
    error.subtype, error.terminal_reason, error.api_error_status = message.subtype, message.terminal_reason, status
    error.usage, error.cost_usd = dict(message.usage or {}), message.total_cost_usd
    return error


def error_from_exception(
    error: Exception, *, session_id: str | None, stderr: Sequence[str]
) -> ClaudeRunError | KitaruStateError:
    """Build the error for an exception of the SDK that came without a result.

    Args:
        error: What the SDK raised.
        session_id: The session that was asked for.
        stderr: Last lines the program wrote to its error output.

    Returns:
        A `ClaudeRunError`, or a `KitaruStateError` where the session is the trouble.
    """
    said = clip(" ".join([str(error), *stderr]), _TEXT_LIMIT)
    if "No conversation found" in said or "requires a valid session ID" in said:
        return KitaruStateError(
            f"Claude does not know the session {session_id!r} here, so it cannot be resumed. Sessions live in the "
            "home folder and belong to one working folder: use the same ones, or a runner that keeps sessions in the "
            "journal (on_interrupted='continue')."
        )
    if "already in use" in said:
        return KitaruStateError(
            f"The session {session_id!r} exists already, so another process runs this very attempt. Wait for it to "
            "end, or end it, before you retry."
        )
    return _run_error(error, said, session_id)


def _run_error(error: Exception, said: str, session_id: str | None) -> ClaudeRunError:
    if isinstance(error, CLINotFoundError):
        return ClaudeRunError(f"Claude's program was not found: {said}", session_id=session_id)
    if isinstance(error, CLIConnectionError):
        retryable = "does not exist" not in said and "Failed to load settings" not in said
        return ClaudeRunError(f"Claude could not be started: {said}", session_id=session_id, retryable=retryable)
    if isinstance(error, ProcessError):
        text = f"Claude's program died: {said}"
        return ClaudeRunError(text, session_id=session_id, retryable=True, broke_off=True)
    return ClaudeRunError(
        f"Claude's run broke off with {type(error).__name__}: {said}", session_id=session_id, retryable=False
    )
