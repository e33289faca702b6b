"""When a failed attempt is worth another one, and how long to wait before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from kitaru.deferred import is_cancellation
from kitaru.engine.signals import ControlSignal
from kitaru.errors import KitaruContextError, KitaruEncodingError, KitaruUsageError

__all__ = ["RetryPolicy", "as_policy", "retry_after"]

_NEVER = (KitaruUsageError, KitaruContextError, KitaruEncodingError, ControlSignal)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, when and for which errors a checkpoint is attempted again.

    A `Retry-After` that the failed call's error carries (a `retry_after` attribute, or the header of its `response`) is
    respected when it asks for more than the delay computed here, up to `max_delay`.

    Attributes:
        max_retries: Attempts after the first one.
        delay: Seconds before the first retry.
        backoff: Factor by which the delay grows from retry to retry.
        max_delay: Longest delay in seconds.
        retry_on: Exception classes that are retried; everything derived from `Exception` by default. Misuse of kitaru,
            values that cannot be stored and the runtime's signals are never retried.
    """

    max_retries: int = 0
    delay: float = 0.0
    backoff: float = 2.0
    max_delay: float = 60.0
    retry_on: tuple[type[BaseException], ...] = (Exception,)

    def __post_init__(self) -> None:
        if isinstance(self.max_retries, bool) or not isinstance(self.max_retries, int) or self.max_retries < 0:
            msg = f"retries must be a whole number of at least 0, not {self.max_retries!r}."
            raise KitaruUsageError(msg)
        for name in ("delay", "backoff", "max_delay"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                msg = f"RetryPolicy.{name} must be a number of at least 0, not {value!r}."
                raise KitaruUsageError(msg)

    def allows(self, error: BaseException, retries_done: int, classify: Callable[[BaseException], bool] | None) -> bool:
        """Say whether another attempt follows.

        Args:
            error: What the attempt raised.
            retries_done: Retries so far.
            classify: An adapter's own judgement, asked last.
        """
        if retries_done >= self.max_retries or isinstance(error, _NEVER) or is_cancellation(error):
            return False
        if not isinstance(error, self.retry_on):
            return False
        return classify is None or classify(error)

    def pause(self, error: BaseException, retries_done: int) -> float:
        """Return how many seconds to wait before the next attempt.

        Args:
            error: What the attempt raised; it may ask for a time itself.
            retries_done: How many retries there were.
        """
        try:
            computed = self.delay * self.backoff**retries_done if self.delay else 0.0
        except OverflowError:
            computed = self.max_delay
        return min(max(computed, retry_after(error)), self.max_delay)


NO_RETRIES = RetryPolicy()


def as_policy(retries: int | RetryPolicy | None) -> RetryPolicy:
    """Turn what a user wrote for `retries` into a policy.

    Raises:
        KitaruUsageError: It is neither a number of at least 0 nor a policy.
    """
    if retries is None or (type(retries) is int and retries == 0):
        return NO_RETRIES
    return retries if isinstance(retries, RetryPolicy) else RetryPolicy(max_retries=retries)


def retry_after(error: BaseException) -> float:
    """Return the seconds an error asks to wait, or 0: its `retry_after` or its response's `Retry-After` header."""
    asked = getattr(error, "retry_after", None)
    if asked is None:
        headers = getattr(getattr(error, "response", None), "headers", None)
        asked = headers.get("retry-after") if headers is not None and hasattr(headers, "get") else None
    try:
        seconds = float(asked) if asked is not None else 0.0
    except (TypeError, ValueError):
        # The header may also be a date (RFC 9110); servers of model providers send seconds.
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
