"""How an invocation can fail, and which failures another attempt may mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from claude_agent_sdk import CLIConnectionError, CLINotFoundError, ProcessError

from kitaru.errors import KitaruError, KitaruRuntimeError, KitaruStateError
from kitaru_adapters.claude_agent_sdk.types import ClaudeEarlierAttempt
from kitaru_adapters.kit.limits import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_agent_sdk import ResultMessage

    from kitaru.records.plain import JsonObject

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


class _FactsError(KitaruError):
    """Keeps its facts in `args`, which is what a journal records: an error read back on a rerun still has them."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.args = (message, facts)

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def facts(self) -> JsonObject:
        """The facts by name."""
        return cast("JsonObject", self.args[1])


class ClaudeRunError(_FactsError, KitaruRuntimeError):
    """An invocation failed.

    Args:
        message: What went wrong.
        **facts: The values of the properties below.
    """

    @property
    def session_id(self) -> str | None:
        """Claude's session, if there is one."""
        return self.facts.get("session_id")

    @property
    def retryable(self) -> bool:
        """Whether another attempt may mend it."""
        return bool(self.facts.get("retryable"))

    @property
    def broke_off(self) -> bool:
        """Whether the program ended in the middle of things, so that its session may be gone on with."""
        return bool(self.facts.get("broke_off"))

    @property
    def subtype(self) -> str | None:
        """Claude's word for the kind of failure."""
        return self.facts.get("subtype")

    @property
    def terminal_reason(self) -> str | None:
        """Why the loop around the model ended."""
        return self.facts.get("terminal_reason")

    @property
    def api_error_status(self) -> int | None:
        """HTTP status of the failing API call, if that was the reason."""
        return self.facts.get("api_error_status")

    @property
    def usage(self) -> JsonObject:
        """Tokens that were used up nevertheless."""
        return dict(self.facts.get("usage") or {})

    @property
    def cost_usd(self) -> float | None:
        """What they cost, if it is known."""
        return self.facts.get("cost_usd")


class ClaudeInterruptedError(_FactsError, KitaruStateError):
    """An earlier attempt broke off, and the runner was told not to go on by itself.

    Args:
        message: What happened.
        earlier_attempts: What is known of each attempt.
    """

    def __init__(self, message: str, *, earlier_attempts: Sequence[ClaudeEarlierAttempt]) -> None:
        super().__init__(message, earlier_attempts=[attempt.model_dump(mode="json") for attempt in earlier_attempts])

    @property
    def earlier_attempts(self) -> list[ClaudeEarlierAttempt]:
        """What is known of each attempt, oldest first."""
        return [ClaudeEarlierAttempt.model_validate(found) for found in self.facts["earlier_attempts"]]

    @property
    def session_id(self) -> str | None:
        """Session of the last attempt that broke off."""
        return self.earlier_attempts[-1].session_id


def is_retryable(error: BaseException) -> bool:
    """Return whether another attempt of the invocation may mend this error."""
    return isinstance(error, ClaudeRunError) and error.retryable


def error_from_result(message: ResultMessage) -> ClaudeRunError:
    """Build the one error of a run that ended with an error result.

    Args:
        message: Claude's result.

    Returns:
        The error; whoever knows usage and cost adds them to its facts.
    """
    status = message.api_error_status
    reason = "; ".join(message.errors or []) or (message.result or "" if status is not None else "")
    detail = clip(reason or message.terminal_reason or message.subtype, _TEXT_LIMIT)
    return ClaudeRunError(
        f"Claude ended session {message.session_id} with an error ({message.subtype}"
        f"{f', HTTP {status}' if status is not None else ''}): {detail}",
        session_id=message.session_id,
        retryable=status is not None and (status in _RETRYABLE_STATUS or status >= _SERVER_ERROR),
        subtype=message.subtype,
        terminal_reason=message.terminal_reason,
        api_error_status=status,
    )


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
