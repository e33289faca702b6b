"""Every error kitaru raises on purpose, and nothing else.

The tree::

    KitaruError(Exception)
    ├─ KitaruUsageError(ValueError)               wrong arguments
    │  ├─ KitaruWaitValidationError               the answer does not fit the wait's schema
    │  ├─ KitaruStackIntegrationDependencyError   the active stack needs packages missing here
    │  ├─ KitaruDeploymentInputValuesError        deploying needs concrete inputs
    │  └─ KitaruStackNotRemoteExecutableUsageError
    ├─ KitaruContextError(RuntimeError)           used outside the scope where it works
    ├─ KitaruStateError(RuntimeError)             not possible in the present state
    │  ├─ KitaruTimeoutError(TimeoutError)        a wait on a handle took longer than allowed
    │  └─ KitaruStackNotRemoteExecutableStateError
    ├─ KitaruRuntimeError(RuntimeError)           running, encoding or looking up failed
    │  ├─ KitaruEncodingError                     a value cannot be stored
    │  ├─ KitaruDecodingError                     a stored value cannot be read back
    │  ├─ KitaruWorkerDiedError                   the process of a body died before it could reply
    │  ├─ KitaruAmbiguousFlowResultError          kept for imports; never raised here
    │  ├─ KitaruExecutionError                    an execution ended badly
    │  │  ├─ KitaruUserCodeError                  code of the flow or of a checkpoint failed
    │  │  └─ KitaruDivergenceError                the body no longer fits the journal
    │  └─ KitaruBackendError                      store, server or provider trouble
    │     ├─ KitaruNotFoundError(LookupError)     no such execution, artifact, secret, deployment
    │     ├─ KitaruJournalError                   the journal cannot be used as it is
    │     ├─ KitaruLeaseLostError                 another runner owns the execution now
    │     └─ KitaruLogRetrievalError              logs cannot be read
    ├─ KitaruPluginError(RuntimeError)            a plugin is broken or clashes
    │  └─ BoundaryRefused                         a policy plugin refuses a boundary
    └─ KitaruFeatureNotAvailableError(NotImplementedError)

Each message says what was tried, why it cannot work, and what to do instead; the facts ride on the exception as
attributes. The signals by which a run is paused, aborted or cancelled are not errors: see `kitaru.engine.signals`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru.records.status import ExecutionStatus

__all__ = [
    "BoundaryRefused",
    "FailureOrigin",
    "KitaruAmbiguousFlowResultError",
    "KitaruBackendError",
    "KitaruContextError",
    "KitaruDecodingError",
    "KitaruDeploymentInputValuesError",
    "KitaruDivergenceError",
    "KitaruEncodingError",
    "KitaruError",
    "KitaruExecutionError",
    "KitaruFeatureNotAvailableError",
    "KitaruJournalError",
    "KitaruLeaseLostError",
    "KitaruLogRetrievalError",
    "KitaruNotFoundError",
    "KitaruPluginError",
    "KitaruRuntimeError",
    "KitaruStackIntegrationDependencyError",
    "KitaruStackNotRemoteExecutableStateError",
    "KitaruStackNotRemoteExecutableUsageError",
    "KitaruStateError",
    "KitaruTimeoutError",
    "KitaruUsageError",
    "KitaruUserCodeError",
    "KitaruWaitValidationError",
    "KitaruWorkerDiedError",
    "StackNotRemoteExecutable",
    "build_recovery_command",
    "execution_error_from_failure",
]


class FailureOrigin(StrEnum):
    """Where a failure came from; set where it is caught, never guessed from its text."""

    USER_CODE = "user_code"
    RUNTIME = "runtime"
    BACKEND = "backend"
    DIVERGENCE = "divergence"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> FailureOrigin:
        """Read the word of a later release as `UNKNOWN`."""
        del value
        return cls.UNKNOWN


class KitaruError(Exception):
    """Root of all errors that kitaru raises on purpose."""


class KitaruUsageError(KitaruError, ValueError):
    """An argument is wrong; nothing was recorded."""


class KitaruWaitValidationError(KitaruUsageError):
    """The answer does not fit the wait's schema; the wait stays open."""


class KitaruStackIntegrationDependencyError(KitaruUsageError):
    """The active stack needs packages that are not installed here."""


class KitaruDeploymentInputValuesError(KitaruUsageError):
    """Deploying needs concrete input values that were not given."""


class StackNotRemoteExecutable:
    """Marks the errors that say a stack cannot be run by the server."""


class KitaruStackNotRemoteExecutableUsageError(KitaruUsageError, StackNotRemoteExecutable):
    """A deployment was asked for on a stack that the server cannot run."""


class KitaruContextError(KitaruError, RuntimeError):
    """Called outside the scope (flow body, checkpoint body) where it works."""


class KitaruStateError(KitaruError, RuntimeError):
    """Not possible in the present state of the execution."""


class KitaruTimeoutError(KitaruStateError, TimeoutError):
    """The caller's time limit passed; the execution goes on untouched."""


class KitaruStackNotRemoteExecutableStateError(KitaruStateError, StackNotRemoteExecutable):
    """A deployment on a stack that the server cannot run was invoked."""


class KitaruRuntimeError(KitaruError, RuntimeError):
    """Running, encoding or looking something up failed."""


class KitaruEncodingError(KitaruRuntimeError):
    """A value cannot be stored.

    Attributes:
        path: Where in the value the trouble lies, such as `output["a"][3]`.
        type_name: Qualified name of the offending type, if a type is the reason.
    """

    def __init__(self, message: str, *, path: str = "", type_name: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.type_name = type_name


class KitaruDecodingError(KitaruRuntimeError):
    """A stored value cannot be turned back into a Python value; its bytes are untouched.

    Attributes:
        type_name: The recorded import path of the class that is missing, if that is the reason.
        raw: The data as far as it could be decoded.
    """

    def __init__(self, message: str, *, type_name: str | None = None, raw: object = None) -> None:
        super().__init__(message)
        self.type_name = type_name
        self.raw = raw


class KitaruWorkerDiedError(KitaruRuntimeError):
    """The process that a body ran in died before it could reply; the body itself did not fail.

    Attributes:
        exit_code: How it ended: its exit code, or the number of the signal that killed it, negative.
    """

    def __init__(self, message: str, *, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class KitaruAmbiguousFlowResultError(KitaruRuntimeError):
    """Kept importable for code written against other runtimes; kitaru never raises it."""


class KitaruExecutionError(KitaruRuntimeError):
    """An execution ended badly.

    Attributes:
        exec_id: The execution.
        status: The status it ended in.
        failure_origin: Where the failure came from.
    """

    def __init__(
        self,
        message: str,
        *,
        exec_id: str | None = None,
        status: ExecutionStatus | str | None = None,
        failure_origin: FailureOrigin | None = None,
    ) -> None:
        super().__init__(message)
        self.exec_id = exec_id
        self.status: ExecutionStatus | None = _status(status)
        self.failure_origin = failure_origin


class KitaruUserCodeError(KitaruExecutionError):
    """Code of the flow or of one of its checkpoints failed."""


class KitaruDivergenceError(KitaruExecutionError):
    """The body that is run again no longer fits what the journal holds."""


class KitaruBackendError(KitaruRuntimeError):
    """The store, a server or a provider failed."""


class KitaruNotFoundError(KitaruBackendError, LookupError):
    """There is no such execution, artifact, secret or deployment."""


class KitaruJournalError(KitaruBackendError):
    """The journal cannot be used as it is: corrupt, read-only, full, foreign or from a newer version.

    Attributes:
        url: Which journal.
        reason: One word: `corrupt`, `foreign`, `newer`, `readonly`, `full`, `locked`, `closed` or `io`.
    """

    def __init__(self, message: str, *, url: str = "", reason: str = "io") -> None:
        super().__init__(message)
        self.url = url
        self.reason = reason


class KitaruLeaseLostError(KitaruBackendError):
    """Another runner owns the execution now, so this runner's record was refused.

    Attributes:
        exec_id: The execution.
        generation: The lease generation that was refused.
    """

    def __init__(self, message: str, *, exec_id: str = "", generation: int = 0) -> None:
        super().__init__(message)
        self.exec_id = exec_id
        self.generation = generation


class KitaruLogRetrievalError(KitaruBackendError):
    """Logs cannot be read."""


class KitaruPluginError(KitaruError, RuntimeError):
    """A plugin is broken, too old or too new, or claims what another one owns.

    Attributes:
        plugin: Name of the plugin.
        distribution: Name of the installed distribution it comes from, if known.
        version: That distribution's version, if known.
        hook: The hook concerned, if one is.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str = "",
        distribution: str | None = None,
        version: str | None = None,
        hook: str | None = None,
    ) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.distribution = distribution
        self.version = version
        self.hook = hook


class BoundaryRefused(KitaruPluginError):  # noqa: N818 - the name the hook specification promises
    """Raised by a policy plugin in `kitaru_checkpoint_admit`: this boundary must not run."""


class KitaruFeatureNotAvailableError(KitaruError, NotImplementedError):
    """Not in this installation; the message names the extra or the server that brings it."""


def _status(status: ExecutionStatus | str | None) -> ExecutionStatus | None:
    from kitaru.records.status import ExecutionStatus  # records import nothing; this keeps the rooms in one direction

    if status is None or isinstance(status, ExecutionStatus):
        return status
    try:
        return ExecutionStatus(status.strip().casefold())
    except ValueError:
        known = ", ".join(ExecutionStatus)
        msg = f"{status!r} is not an execution status; use one of: {known}."
        raise KitaruUsageError(msg) from None


def build_recovery_command(exec_id: str, *, status: ExecutionStatus | str | None) -> str | None:
    """Return the command that continues a failed execution.

    Args:
        exec_id: The execution.
        status: Its status.

    Returns:
        The shell command, or `None` when the status is not `failed`.
    """
    found = _status(status)
    return f"kitaru executions retry {exec_id}" if found is not None and found == "failed" else None


def execution_error_from_failure(
    message: str,
    *,
    exec_id: str,
    status: ExecutionStatus | str,
    origin: FailureOrigin | None,
) -> KitaruExecutionError:
    """Build the error that a handle raises for an execution that ended badly.

    Args:
        message: What went wrong.
        exec_id: The execution.
        status: The status it ended in.
        origin: Where the failure came from; decides the class.

    Returns:
        A `KitaruUserCodeError`, `KitaruDivergenceError` or plain `KitaruExecutionError`, with a hint how to retry
        when the execution failed.
    """
    classes: dict[FailureOrigin | None, type[KitaruExecutionError]] = {
        FailureOrigin.USER_CODE: KitaruUserCodeError,
        FailureOrigin.DIVERGENCE: KitaruDivergenceError,
    }
    command = build_recovery_command(exec_id, status=status)
    text = f"{message}\nTo continue it from its last completed boundary, run: {command}" if command else message
    return classes.get(origin, KitaruExecutionError)(text, exec_id=exec_id, status=status, failure_origin=origin)
