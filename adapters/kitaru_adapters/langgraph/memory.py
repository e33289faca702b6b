"""What a runner remembers of invocations that the journal answered in this process.

A thread in an `InMemorySaver` is gone after a restart. If a later invocation needs it, the earlier ones are driven once
more, with the journal answering their model and tool calls.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kitaru_adapters.langgraph.conversations import Conversations

if TYPE_CHECKING:
    from kitaru_adapters.langgraph.types import LangGraphRunRequest, LangGraphRunResult

__all__ = ["Answered", "RunMemory"]

_EXECUTIONS = 32


@dataclass(frozen=True)
class Answered:
    """An invocation that the journal answered.

    Attributes:
        label: Its label, such as `r1`.
        request: What was asked.
        result: What the journal holds.
    """

    label: str
    request: LangGraphRunRequest
    result: LangGraphRunResult


class RunMemory:
    """What a runner remembers: answered invocations by execution and thread, and what turns handed back.

    Attributes:
        conversations: Messages of earlier turns.
    """

    def __init__(self) -> None:
        self.conversations = Conversations()
        self._runs: OrderedDict[tuple[str, str], list[Answered]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, execution: str, run: Answered) -> None:
        """Remember an invocation; one that is run again in the same process replaces its earlier self."""
        with self._lock:
            runs = self._runs.setdefault((execution, run.request.thread_id), [])
            runs[:] = [each for each in runs if each.label != run.label] + [run]
            while len(self._runs) > _EXECUTIONS:
                self._runs.popitem(last=False)

    def on(self, execution: str, thread_id: str) -> list[Answered]:
        """Return the invocations on a thread whose state LangGraph had saved, oldest first."""
        with self._lock:
            runs = self._runs.get((execution, thread_id), ())
            return [run for run in runs if run.result.latest_checkpoint_id is not None]
