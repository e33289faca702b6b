"""Errors of a turn, and what the errors of the SDK mean for it.

The SDK's error classes live in a generated package that differs between its major versions, so they are told apart by
their status code and their class name, never by import.
"""

from __future__ import annotations

from json import JSONDecodeError
from typing import TYPE_CHECKING

from kitaru.errors import (
    KitaruBackendError,
    KitaruError,
    KitaruFeatureNotAvailableError,
    KitaruRuntimeError,
    KitaruStateError,
    KitaruTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "GeminiBackendError",
    "GeminiDeadlineError",
    "GeminiInteractionEndedError",
    "GeminiInteractionGoneError",
    "GeminiUnfinishedError",
    "GeminiUnknownSubmissionError",
    "create_error",
    "is_connection_trouble",
    "is_definite_refusal",
    "is_transient",
    "is_worth_another_attempt",
    "poll_hint",
    "safe_text",
    "status_code",
]

_SAFE_TEXT_LIMIT = 500
_CLIENT_ERRORS, _NOT_FOUND, _REQUEST_TIMEOUT, _TOO_MANY, _SERVER_ERRORS = 400, 404, 408, 429, 500
_TRANSIENT_CODES = frozenset({_REQUEST_TIMEOUT, _TOO_MANY})
_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL"})


class GeminiBackendError(KitaruBackendError):
    """The service refused a request or could not be reached; the SDK's own error is the cause.

    Attributes:
        operation: What was tried: `create`, `get`, `cancel` or `stream`.
        status_code: HTTP status, if the service answered.
        retryable: Whether another attempt of the checkpoint can help.
        interaction_id: The interaction concerned, if known.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        status_code: int | None = None,
        retryable: bool = False,
        interaction_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.status_code = status_code
        self.retryable = retryable
        self.interaction_id = interaction_id


class GeminiUnfinishedError(KitaruRuntimeError):
    """The interaction still runs, and the request gave no deadline to wait for it.

    Attributes:
        interaction_id: The interaction.
        status: Its state when it was last seen.
    """

    def __init__(self, message: str, *, interaction_id: str = "", status: str = "") -> None:
        super().__init__(message)
        self.interaction_id = interaction_id
        self.status = status


class GeminiDeadlineError(KitaruTimeoutError):
    """The deadline of the request passed; the remote job was left running.

    Attributes:
        interaction_id: The interaction, or `None` when the create itself took too long.
        status: Its state when it was last seen, if it ever was.
    """

    def __init__(self, message: str, *, interaction_id: str | None = None, status: str | None = None) -> None:
        super().__init__(message)
        self.interaction_id = interaction_id
        self.status = status


class GeminiInteractionEndedError(KitaruRuntimeError):
    """The interaction ended without a stable result.

    Attributes:
        interaction_id: The interaction.
        status: How it ended, such as `failed`, `cancelled`, `incomplete` or `budget_exceeded`.
        usage: Token counts the service reported, by its field names.
    """

    def __init__(
        self, message: str, *, interaction_id: str = "", status: str = "", usage: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.interaction_id = interaction_id
        self.status = status
        self.usage = dict(usage or {})


class GeminiInteractionGoneError(KitaruStateError):
    """The service no longer knows an interaction that this turn needs.

    Attributes:
        interaction_id: The interaction.
        age_s: Seconds since it was created, if that is known.
    """

    def __init__(self, message: str, *, interaction_id: str = "", age_s: float | None = None) -> None:
        super().__init__(message)
        self.interaction_id = interaction_id
        self.age_s = age_s


class GeminiUnknownSubmissionError(KitaruStateError):
    """An earlier attempt announced a create, and nobody knows whether the service accepted it.

    Attributes:
        attempt: The attempt that announced it.
        announced_at: When, in seconds since the epoch.
    """

    def __init__(self, message: str, *, attempt: int = 0, announced_at: float = 0.0) -> None:
        super().__init__(message)
        self.attempt = attempt
        self.announced_at = announced_at


def poll_hint(interaction_id: str) -> str:
    """Return the sentence that says how to go on observing an interaction."""
    return f"Observe it with GeminiInteractionRequest.poll(interaction_id={interaction_id!r}, timeout_s=...)."


def status_code(error: BaseException) -> int | None:
    """Return the HTTP status an error of the SDK carries, if it has one."""
    code = getattr(error, "status_code", None) or getattr(error, "code", None)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def is_connection_trouble(error: BaseException) -> bool:
    """Tell whether no answer came at all: connection refused, cut, or timed out."""
    names = {cls.__name__ for cls in type(error).__mro__}
    own = bool(names & {"APIConnectionError", "APITimeoutError", "TransportError"})
    return own or isinstance(error, (ConnectionError, TimeoutError))


def is_transient(error: BaseException) -> bool:
    """Tell whether asking again later can help: connection trouble, 408, 429 and server errors."""
    code = status_code(error)
    if code is None:
        return is_connection_trouble(error)
    return code in _TRANSIENT_CODES or code >= _SERVER_ERRORS


def is_definite_refusal(error: BaseException) -> bool:
    """Tell whether a create that failed with this error certainly left no job behind.

    A server error or a connection that broke later may have left one; a client error, or a connection that never came
    about, did not.
    """
    code = status_code(error)
    if code is not None:
        return _CLIENT_ERRORS <= code < _SERVER_ERRORS and code != _REQUEST_TIMEOUT
    if isinstance(error, (TypeError, ValueError)):
        # What is wrong with an answer comes with its status, so without one the request was not even built.
        return not isinstance(error, UnicodeDecodeError | JSONDecodeError)
    return any(type(cause).__name__ in _NEVER_SENT for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def create_error(error: Exception, *, continues: str | None, over_after_s: float | None) -> KitaruError | None:
    """Say in kitaru's words why a create failed.

    Args:
        error: The SDK's error.
        continues: The interaction that the turn continues, if any.
        over_after_s: The seconds the turn had, if they are over.

    Returns:
        The error to raise, or `None` when it is no error of the SDK or of its transport.
    """
    code = status_code(error)
    if isinstance(error, TypeError) and "unexpected keyword" in str(error):
        msg = f"This release of google-genai does not know a field of the request: {error} Put it into extra={{...}}."
        return KitaruFeatureNotAvailableError(msg)
    if code == _NOT_FOUND and continues is not None:
        msg = (
            f"The service answered 404 to a turn that continues {continues}: the earlier interaction expired or was "
            "deleted (how long it is kept depends on the plan), or the model or agent does not exist. A replay with an "
            "old previous_interaction_id cannot restore it; start a new conversation."
        )
        return GeminiInteractionGoneError(msg, interaction_id=continues)
    if code is None and not is_connection_trouble(error):
        return None
    if code is None and over_after_s is not None:
        msg = f"The create got no answer within {over_after_s:g} s; whether a job was accepted is unknown."
        return GeminiDeadlineError(msg)
    msg = f"The create failed ({type(error).__name__}, status {code}); exactly one request was sent by this attempt."
    # After a time-out the service may well be at work, so another attempt is nobody's automatic decision.
    retryable = is_transient(error) and not _is_timeout(error)
    return GeminiBackendError(msg, operation="create", status_code=code, retryable=retryable)


def _is_timeout(error: BaseException) -> bool:
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"APITimeoutError", "TimeoutException", "TimeoutError"})


def is_worth_another_attempt(error: BaseException) -> bool:
    """Classify an error for the durable retries of the checkpoint.

    Args:
        error: What an attempt failed with.

    Returns:
        `True` when the next attempt goes on observing the same job, or repeats a request that did not succeed; never
        after an ended interaction, since another attempt would submit and pay a second job.
    """
    if isinstance(error, GeminiBackendError):
        return error.retryable
    if isinstance(error, GeminiDeadlineError):
        return error.interaction_id is not None
    return isinstance(error, GeminiUnfinishedError)


def safe_text(error: BaseException) -> str:
    """Return what may be shown of an error: kitaru's own words, or only the class of a foreign error."""
    own = type(error).__module__.startswith(("kitaru.", "kitaru_adapters."))
    return f"{type(error).__name__}: {error}"[:_SAFE_TEXT_LIMIT] if own else type(error).__name__
