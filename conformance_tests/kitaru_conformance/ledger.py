"""What really happened: one line in a file for each event of a model or a tool.

The file outlives SIGKILL and is shared by all processes of a test, so it tells a call that ran from one whose result
was read back.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["PATIENCE", "PAUSE", "Event", "Ledger", "Phase"]

Phase = Literal["begin", "chunk", "end", "failed", "released"]
PATIENCE = 20.0
"""Seconds after which whoever waits for an event gives up."""

PAUSE = 0.002
"""Seconds between two looks at the file."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        kind: `model` or `tool`.
        name: Number of the model's turn, from 0, or name of the tool.
        phase: `begin`, `chunk`, `end` or `failed`; `released` is written by tests.
        agent: Name of the agent.
        value: The tool's argument, or what the model was shown.
        pid: The process.
    """

    kind: Literal["model", "tool"]
    name: str
    phase: Phase
    agent: str = "agent"
    value: str = ""
    pid: int = 0

    @property
    def label(self) -> str:
        """Kind and name, such as `tool:search` or `model:0`."""
        return f"{self.kind}:{self.name}"


class Ledger:
    """The events of one test, in the order in which they happened.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def write(self, event: Event) -> None:
        """Append one event; it is in the file when this returns.

        Args:
            event: What happened.
        """
        line = msgspec.json.encode(msgspec.structs.replace(event, pid=os.getpid())) + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def events(self) -> list[Event]:
        """Return all events."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=Event) for line in lines]

    def count(self, label: str, *, phase: Phase = "begin", agent: str | None = None) -> int:
        """Return how often something happened.

        Args:
            label: `model`, `tool`, or one of them by name, such as `tool:search` or `model:0`.
            phase: Which part of it; by default its beginnings.
            agent: Count only what this agent did.
        """
        return sum(
            label in (event.kind, event.label) and event.phase == phase and agent in (None, event.agent)
            for event in self.events()
        )

    def release(self, tool: str) -> None:
        """Let a tool go on that holds.

        Args:
            tool: Its name.
        """
        self.write(Event(kind="tool", name=tool, phase="released"))

    def wait_for(self, label: str, *, phase: Phase = "begin", n: int = 1) -> None:
        """Return once something has happened so often.

        Args:
            label: As for `count`.
            phase: Which part of it.
            n: How often.

        Raises:
            TimeoutError: It did not.
        """
        until = time.monotonic() + PATIENCE
        while self.count(label, phase=phase) < n:
            if time.monotonic() > until:
                msg = f"{label} {phase} happened {self.count(label, phase=phase)} times in {PATIENCE:g} s, not {n}."
                raise TimeoutError(msg)
            time.sleep(PAUSE)
