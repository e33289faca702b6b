"""What a flow needs to go on with a session by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from kitaru.errors import KitaruUsageError
from kitaru_adapters.claude_agent_sdk.errors import ClaudeInterruptedError, ClaudeRunError
from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest
from kitaru_adapters.claude_agent_sdk.types import ClaudeRunResult

if TYPE_CHECKING:
    from kitaru_adapters.claude_agent_sdk.request import ResumeOptions
    from kitaru_adapters.claude_agent_sdk.types import ClaudeEarlierAttempt

__all__ = ["ClaudeContinuation"]


class ClaudeContinuation:
    """The session of a run that ended, failed or broke off, and what is known of its attempts.

    Args:
        source: A result, or the error of a run.

    Raises:
        KitaruUsageError: It has no session.
    """

    def __init__(self, source: ClaudeRunResult | ClaudeRunError | ClaudeInterruptedError) -> None:
        session_id = getattr(source, "session_id", None)
        if not isinstance(source, ClaudeRunResult | ClaudeRunError | ClaudeInterruptedError) or session_id is None:
            msg = f"{type(source).__name__} names no session of Claude's, so there is nothing to go on with."
            raise KitaruUsageError(msg)
        self._session_id: str = session_id
        self._attempts = list(getattr(source, "earlier_attempts", []))

    @property
    def session_id(self) -> str:
        """The session."""
        return self._session_id

    @property
    def earlier_attempts(self) -> list[ClaudeEarlierAttempt]:
        """What is known of attempts that broke off or failed."""
        return self._attempts

    def request(self, prompt: str, **fields: Unpack[ResumeOptions]) -> ClaudeRunRequest:
        """Return a request that goes on with the session.

        Args:
            prompt: What to do next.
            **fields: As in `ClaudeRunRequest.resume`.
        """
        return ClaudeRunRequest.resume(prompt, self._session_id, **fields)
