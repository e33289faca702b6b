"""`run_sandbox_command`: one command in a fresh session of the active stack's sandbox."""

from __future__ import annotations

import math
import shlex
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from kitaru.artifacts.redaction import shared_redactor
from kitaru.errors import KitaruFeatureNotAvailableError, KitaruStateError, KitaruUsageError
from kitaru.sandbox.local import Ended, Session
from kitaru.sandbox.models import Cleanup, SandboxCommandResult
from kitaru.settings.stack_names import active_stack_name, find_stack
from kitaru.settings.user_file import read_user_file

if TYPE_CHECKING:
    from kitaru.settings.stack_names import StackEntry

__all__ = ["run_sandbox_command"]


def run_sandbox_command(
    command: str | Sequence[str],
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    max_chars: int = 1_048_576,
    timeout_seconds: float | None = None,
    cleanup: Cleanup = "destroy",
) -> SandboxCommandResult:
    """Run one command in the active stack's sandbox, in a fresh session.

    No shell is involved: a text is split into words as a shell would, and pipes, variables and wildcards in it mean
    nothing. The command does not get the environment of this process, only a search path and what `env` says.

    The sandbox of a local stack is a folder of its own and a group of processes that is ended as a whole. It keeps a
    command from leaving things behind; it does not keep a hostile one from this machine's files or from the network.

    Args:
        command: The program and its arguments, or a text that is split into them.
        cwd: Folder to run in; by default the session's own, where a relative one lies as well.
        env: Environment variables; they are not recorded.
        max_chars: How many characters of each stream are kept.
        timeout_seconds: After how many seconds the command is ended.
        cleanup: `destroy` removes the session's folder, `close` leaves it.

    Returns:
        How it ended; an exit code other than 0 is no error.

    Raises:
        KitaruUsageError: An argument cannot be.
        KitaruStateError: The active stack has no sandbox.
        KitaruFeatureNotAvailableError: Its sandbox is of a kind that this installation cannot run.
        KitaruBackendError: The command could not be started.
    """
    words = _words(command)
    variables = _variables(env)
    _check_limits(max_chars, timeout_seconds, cleanup)
    stack = _stack()
    session = Session(keep=cleanup == "close")
    try:
        folder = session.folder_for(cwd)
        ended = session.run(words, folder, variables, limit=max_chars, timeout=timeout_seconds)
    finally:
        trouble = session.end()
    return SandboxCommandResult(
        command=shared_redactor().text(shlex.join(words)),
        cwd=str(folder),
        **_told(ended),
        stack_id=stack.id,
        stack_name=stack.name,
        sandbox_id=str(uuid.uuid5(uuid.UUID(stack.id), "sandbox")),
        sandbox_name="local",
        session_id=session.id,
        cleanup=cleanup,
        cleanup_succeeded=trouble is None,
        cleanup_error=trouble,
    )


class _Told(TypedDict):
    stdout: str
    stderr: str
    exit_code: int
    stdout_truncated: bool
    stderr_truncated: bool
    timed_out: bool


def _told(ended: Ended) -> _Told:
    """Return what a command wrote; of one whose time was over, what it wrote so far is no answer."""
    return _Told(
        stdout="" if ended.timed_out else ended.stdout.text,
        stderr=ended.stderr.text,
        exit_code=ended.code,
        stdout_truncated=ended.stdout.is_cut and not ended.timed_out,
        stderr_truncated=ended.stderr.is_cut,
        timed_out=ended.timed_out,
    )


def _words(command: object) -> list[str]:
    if isinstance(command, str):
        try:
            words = shlex.split(command)
        except ValueError as error:
            msg = f"The command cannot be split into words: {error}. Give it as a list of words."
            raise KitaruUsageError(msg) from error
    elif isinstance(command, Sequence) and not isinstance(command, bytes | bytearray):
        words = list(command)
    else:
        words = []
    if not words or not all(isinstance(word, str) and word and "\0" not in word for word in words):
        msg = "A command is a text that is not blank, or a list of texts that are not empty."
        raise KitaruUsageError(msg)
    return words


def _variables(env: object) -> dict[str, str]:
    if env is None:
        return {}
    if not isinstance(env, Mapping) or not all(isinstance(part, str) for item in env.items() for part in item):
        msg = "env= takes names and values that are texts; numbers have to be written as texts."
        raise KitaruUsageError(msg)
    wrong = [name for name, value in env.items() if not name or "=" in name or "\0" in name + value]
    if wrong:
        msg = f"env= has a name that cannot be, or a value with a NUL character in it: {', '.join(map(repr, wrong))}."
        raise KitaruUsageError(msg)
    return dict(env)


def _check_limits(max_chars: object, timeout: object, cleanup: object) -> None:
    if isinstance(max_chars, bool) or not isinstance(max_chars, int) or max_chars < 0:
        msg = f"max_chars must be a whole number of at least 0, not {max_chars!r}."
        raise KitaruUsageError(msg)
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, int | float) or not math.isfinite(timeout) or timeout <= 0
    ):
        msg = f"timeout_seconds must be a number above 0, not {timeout!r}."
        raise KitaruUsageError(msg)
    if cleanup not in {"destroy", "close"}:
        msg = f"cleanup must be `destroy` or `close`, not {cleanup!r}."
        raise KitaruUsageError(msg)


def _stack() -> StackEntry:
    """Return the active stack, whose sandbox is one of this machine.

    Raises:
        KitaruStateError: It has none.
        KitaruFeatureNotAvailableError: Its sandbox is of another kind.
    """
    remembered = read_user_file()
    stack = find_stack(active_stack_name(remembered), remembered)
    sandbox = stack.components.get("sandbox")
    if not sandbox:
        msg = f"The active stack {stack.name!r} has no sandbox; `kitaru stack use default` activates one that has."
        raise KitaruStateError(msg)
    kind = sandbox.get("kind")
    if kind != "local":
        msg = f"The sandbox of stack {stack.name!r} is of kind {kind!r}; this installation runs those of kind 'local'."
        raise KitaruFeatureNotAvailableError(msg)
    return stack
