"""Bodies for the cases of the target contract; at the top of a module, where every target finds them by name."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "MARKS",
    "Parcel",
    "announce_and_sleep",
    "die",
    "disturb",
    "echo",
    "fail",
    "greet_later",
    "own_process",
    "read_variable",
    "unstorable",
]

MARKS: Final[list[str]] = []
"""What bodies leave in this module's own state."""


@dataclass(frozen=True)
class Parcel:
    """A value of a class of its own."""

    label: str
    weights: tuple[float, ...]


def echo(*args: object, **kwargs: object) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return the arguments."""
    return args, kwargs


async def greet_later(name: str) -> str:
    """Return a greeting, from a coroutine."""
    await asyncio.sleep(0)
    return f"hello {name}"


def fail(text: str) -> None:
    """Fail with an error of the body's own."""
    raise LookupError(text, 42)


def unstorable() -> object:
    """Return what cannot be stored."""
    return open(os.devnull, "rb")  # noqa: PTH123 - an open file is the point


def own_process() -> int:
    """Return the process that the body runs in."""
    return os.getpid()


def read_variable(name: str) -> str | None:
    """Return a variable of the body's environment."""
    return os.environ.get(name)


def disturb(name: str) -> int:
    """Change everything in reach of the body, and return how often this module was changed."""
    os.environ[name] = "changed"
    os.chdir("/")
    MARKS.append(name)
    return len(MARKS)


def die(how: str) -> None:
    """End the process that the body runs in."""
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(3)


def announce_and_sleep(file: str, seconds: float) -> str:
    """Write into a file that the body has begun, then sleep, then write that it has ended."""
    Path(file).write_text("begun", encoding="utf-8")
    time.sleep(seconds)
    Path(file).write_text("ended", encoding="utf-8")
    return "slept"
