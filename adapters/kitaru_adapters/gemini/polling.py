"""Observing an interaction until it is stable: states, deadline, growing pauses, and which errors to sit out.

Nothing here ever submits anything.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kitaru_adapters.gemini.errors import (
    GeminiBackendError,
    GeminiDeadlineError,
    GeminiInteractionEndedError,
    GeminiInteractionGoneError,
    GeminiUnfinishedError,
    is_transient,
    poll_hint,
    status_code,
)
from kitaru_adapters.gemini.operations import Ask, Program, Sleep
from kitaru_adapters.gemini.values import Json, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENDED", "STABLE", "Deadline", "PollSettings", "Watch", "ended_error", "status_of"]

STABLE = frozenset({"completed", "requires_action"})
ENDED = frozenset({"failed", "cancelled", "canceled", "incomplete", "budget_exceeded"})
CONTINUES = "requires_continuation"
_RUNNING = frozenset({"in_progress", "queued", CONTINUES})
_GROWTH, _JITTER = 1.5, 0.1
_LONGEST_GET_S = 60.0
_NOT_FOUND = 404


def status_of(interaction: Mapping[str, object]) -> str:
    """Return the state of an interaction; a missing one reads as `unknown`."""
    return text_of(interaction.get("status")) or "unknown"


class Deadline:
    """The time one attempt has; measured on the monotonic clock."""

    def __init__(self, seconds: float | None) -> None:
        """Start the clock; `None` never ends."""
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def remaining(self) -> float | None:
        """Seconds left, not below zero; `None` without a deadline."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.remaining == 0.0

    def timeout(self, longest: float | None = None) -> dict[str, float]:
        """Return the time-out argument of one request: never longer than the time that is left."""
        remaining = self.remaining
        if remaining is None:
            return {}
        return {"timeout": max(remaining if longest is None else min(remaining, longest), 0.001)}


@dataclass(frozen=True, kw_only=True)
class PollSettings:
    """How a runner polls.

    Attributes:
        interval_s: First pause.
        longest_interval_s: Pauses grow up to this.
        not_found_grace_s: How long after its creation an interaction may be unknown to the service.
    """

    interval_s: float = 2.0
    longest_interval_s: float = 15.0
    not_found_grace_s: float = 10.0


@dataclass
class Watch:
    """One attempt's observation of one interaction.

    Attributes:
        interaction_id: The interaction.
        settings: How to poll.
        deadline: Time that is left.
        created_at: When it was created, in seconds since the epoch, if that is known.
        polls: How often its state was asked for.
        last: What the service said last.
        warnings: What a reader should know.
    """

    interaction_id: str
    settings: PollSettings
    deadline: Deadline
    created_at: float | None = None
    polls: int = 0
    last: Json = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _interval: float | None = None

    def until_stable(self, *, stop_at_continuation: bool = False) -> Program[Json]:
        """Ask for the state until the interaction is stable.

        Args:
            stop_at_continuation: Whether a turn that stopped at the decode limit is an answer for the caller.

        Returns:
            The interaction as JSON.

        Raises:
            GeminiInteractionEndedError: It ended without a stable result.
            GeminiUnfinishedError: It still runs and there is no deadline to wait for.
            GeminiDeadlineError: The deadline passed.
            GeminiInteractionGoneError: The service does not know it.
            GeminiBackendError: The service cannot be asked.
        """
        while True:
            interaction = yield from self._look()
            if self.is_settled(interaction, stop_at_continuation=stop_at_continuation):
                return interaction
            yield Sleep(self._pause())

    def is_settled(self, interaction: Json, *, stop_at_continuation: bool) -> bool:
        """Judge one answer: stable, still running, or an error.

        Args:
            interaction: What the service said.
            stop_at_continuation: See `until_stable`.

        Returns:
            Whether it is an answer for the caller.

        Raises:
            GeminiInteractionEndedError: It ended without a stable result.
        """
        self.last = interaction
        status = status_of(interaction)
        if status in ENDED:
            raise ended_error(self.interaction_id, interaction)
        if status not in STABLE | _RUNNING:
            notice = f"unknown status {status!r} taken as unfinished"
            self.warnings += [notice] if notice not in self.warnings else []
        return status in STABLE or (status == CONTINUES and stop_at_continuation)

    def _look(self) -> Program[Json]:
        while True:
            self.polls += 1
            try:
                answer: Json = yield Ask("get", {"id": self.interaction_id, **self.deadline.timeout(_LONGEST_GET_S)})
            except Exception as error:
                if (verdict := self._verdict(error)) is error:
                    raise
                if verdict is not None:
                    raise verdict from error
            else:
                return answer
            yield Sleep(self._pause())

    def _verdict(self, error: Exception) -> Exception | None:
        """Return what to raise for a failed look, or `None` to sit it out and look again."""
        code = status_code(error)
        if code == _NOT_FOUND:
            return self._verdict_on_not_found()
        if code is None and not is_transient(error):
            return error
        if self.deadline.remaining is not None and is_transient(error):
            return None
        msg = (
            f"Asking for interaction {self.interaction_id} failed ({type(error).__name__}, status {code}). The job was "
            f"not submitted again. {poll_hint(self.interaction_id)}"
        )
        return GeminiBackendError(
            msg, operation="get", status_code=code, retryable=is_transient(error), interaction_id=self.interaction_id
        )

    def _verdict_on_not_found(self) -> GeminiInteractionGoneError | None:
        age = None if self.created_at is None else max(time.time() - self.created_at, 0.0)
        if age is not None and age < self.settings.not_found_grace_s:
            return None
        known_since = "of unknown age" if age is None else f"created {age:.0f} s ago"
        msg = (
            f"The service does not know interaction {self.interaction_id} ({known_since}): it expired, was deleted, or "
            "belongs to another project or key. It was not submitted again; start a new turn if the work is still "
            "wanted."
        )
        return GeminiInteractionGoneError(msg, interaction_id=self.interaction_id, age_s=age)

    def _pause(self) -> float:
        remaining, status = self.deadline.remaining, status_of(self.last)
        if remaining is None and self.last:
            msg = (
                f"Interaction {self.interaction_id} is {status!r} and the request has no timeout_s to wait for it. "
                f"{poll_hint(self.interaction_id)}"
            )
            raise GeminiUnfinishedError(msg, interaction_id=self.interaction_id, status=status)
        if remaining == 0.0:
            msg = (
                f"Interaction {self.interaction_id} was {status!r} when its {self.deadline.seconds:g} s were "
                "over; it was "
                f"left running. {poll_hint(self.interaction_id)}"
            )
            raise GeminiDeadlineError(msg, interaction_id=self.interaction_id, status=status)
        interval = self._interval or self.settings.interval_s
        self._interval = min(interval * _GROWTH, max(self.settings.longest_interval_s, self.settings.interval_s))
        pause = interval * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads requests, keeps no secret
        return pause if remaining is None else min(pause, remaining)

    def first_pause(self) -> Program[None]:
        """Wait before the first look at a job that was accepted a moment ago."""
        if self.deadline.remaining is not None:
            yield Sleep(self._pause())


def ended_error(interaction_id: str, interaction: Json) -> GeminiInteractionEndedError:
    """Build the error for an interaction that ended without a stable result."""
    status = status_of(interaction)
    faults = [fault.get("message") for fault in interaction.get("errors") or [] if isinstance(fault, dict)]
    said = f" The service says: {'; '.join(str(fault) for fault in faults if fault)}." if any(faults) else ""
    msg = (
        f"Interaction {interaction_id} ended with status {status!r}, which is no stable result.{said} Nothing was "
        "recorded as its value; starting it again is a new, paid job and is left to the flow."
    )
    usage = interaction.get("usage")
    return GeminiInteractionEndedError(
        msg, interaction_id=interaction_id, status=status, usage=usage if isinstance(usage, dict) else None
    )
