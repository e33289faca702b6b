"""Counts the work that is really done: one line in a file for every body that starts, with the process that ran it."""

from __future__ import annotations

import json
import os
import signal
from itertools import count
from pathlib import Path
from typing import Any

from pydantic_ai.models.wrapper import WrapperModel

import kitaru

__all__ = ["CRASH_VARIABLE", "FAIL_VARIABLE", "LOG_VARIABLE", "CountedModel", "begin", "entries"]

LOG_VARIABLE = "KITARU_EXAMPLE_WORK_LOG"
CRASH_VARIABLE = "KITARU_EXAMPLE_CRASH_AT"
FAIL_VARIABLE = "KITARU_EXAMPLE_FAIL_AT"
_numbers = count(1)


def begin(name: str) -> None:
    """Note that the body of a boundary starts here, and die or fail in it if this is the one to do it in.

    The line is synced before anything else happens, so that it cannot be lost with the process.

    Args:
        name: What starts.

    Raises:
        OSError: This is the boundary that was told to fail.
    """
    number = next(_numbers)
    call = kitaru.current_call()
    path = os.environ.get(LOG_VARIABLE)
    if path:
        entry = {"boundary": call.invocation_id if call is not None else name, "pid": os.getpid()}
        with Path(path).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
            log.flush()
            os.fsync(log.fileno())
    if os.environ.get(CRASH_VARIABLE) == str(number):
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get(FAIL_VARIABLE) == str(number):
        msg = f"{name} was told to fail here"
        raise OSError(msg)


def entries(path: str | Path) -> list[dict[str, Any]]:
    """Return the lines of a log; none when nothing was written yet.

    Args:
        path: The log.

    Returns:
        One entry for every body that started: its boundary and its process.
    """
    file = Path(path)
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class CountedModel(WrapperModel):
    """A model whose requests are counted like the calls of tools."""

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Make one request.

        Args:
            *args: The framework's arguments.
            **kwargs: The framework's arguments.

        Returns:
            The response.
        """
        begin("model_request")
        return await self.wrapped.request(*args, **kwargs)
