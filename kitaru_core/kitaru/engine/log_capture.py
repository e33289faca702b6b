"""Keeping what a flow and its checkpoints print and log, for `executions.logs`; done only where it is asked for.

With `KITARU_CAPTURE_LOGS=1` lines of both output streams and records of `logging` still go where they went before, and
are also kept with the execution whose code wrote them, with secrets cut out. What a child process writes itself is not
seen here.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Final

from kitaru.artifacts.redaction import shared_redactor
from kitaru.engine.events import encode_event
from kitaru.engine.scope import current_boundary, current_run
from kitaru.errors import KitaruBackendError
from kitaru.settings.environment import captures_logs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kitaru.engine.run import Run

__all__ = ["LOG_KIND", "capture_if_asked"]

LOG_KIND: Final = "kitaru.log"
_LONGEST: Final = 16 * 1024
_MOST_BEGUN: Final = 256
_lock = threading.Lock()


def capture_if_asked(run: Run) -> None:
    """Begin to keep what the code of an execution writes, if the environment asks for it.

    Args:
        run: The execution.

    Raises:
        KitaruUsageError: The variable's value is no truth value.
    """
    run.keeps_logs = captures_logs()
    if not run.keeps_logs:
        return
    with _lock:
        root = logging.getLogger()
        if not any(isinstance(one, _Handler) for one in root.handlers):
            root.addHandler(_Handler())
        for name, level in (("stdout", "INFO"), ("stderr", "ERROR")):
            stream = getattr(sys, name)
            if stream is not None and not isinstance(stream, _Tee):
                setattr(sys, name, _Tee(stream, name, level))


def _keep(message: str, level: str, **facts: object) -> None:
    run = current_run.get()
    if run is None or not run.keeps_logs or not message.strip():
        return
    call = current_boundary.get()
    body = {
        "kitaru": {
            "source": "runner" if call is None else "step",
            "checkpoint_name": None if call is None else call.name,
            "checkpoint_id": None if call is None else call.call_id,
            "correlation_id": None if call is None else f"{call.call_id}:{call.attempt}",
            "execution_id": run.execution_id,
        },
        "message": shared_redactor().text(message[:_LONGEST]),
        "data": {"level": level, **facts},
    }
    try:
        run.journal.publish(run.execution_id, LOG_KIND, encode_event(body))
    except (KitaruBackendError, OSError):
        # Saying so would be one more line to keep.
        return


class _Handler(logging.Handler):
    """Keeps what is logged in the code of an execution."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        try:
            message = self.format(record)
        except Exception:  # noqa: BLE001 - a message that does not fit its arguments; logging tells so itself
            self.handleError(record)
            return
        _keep(message, record.levelname, module=record.module, filename=record.filename, lineno=record.lineno)


class _Tee:
    """An output stream that also keeps the lines which the code of an execution writes.

    Args:
        stream: Where everything still goes.
        name: Name of the stream.
        level: Level under which its lines are kept.
    """

    def __init__(self, stream: IO[str], name: str, level: str) -> None:
        self._stream = stream
        self._name = name
        self._level = level
        self._begun: dict[str, str] = {}

    def write(self, text: str) -> int:
        """Write a text."""
        if current_run.get() is not None:
            self._take(text)
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def _take(self, text: str) -> None:
        """Keep whole lines; what has no end yet waits for the rest of it from the same call."""
        call, run = current_boundary.get(), current_run.get()
        writer = call.call_id if call is not None else "" if run is None else run.execution_id
        *lines, rest = (self._begun.pop(writer, "") + text).split("\n")
        for line in lines:
            _keep(line, self._level, module=self._name)
        if len(rest) > _LONGEST:
            _keep(rest, self._level, module=self._name)
        elif rest:
            self._begun[writer] = rest
            if len(self._begun) > _MOST_BEGUN:
                del self._begun[next(iter(self._begun))]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)
