"""Where in a graph a call stands, in words that are the same in every run.

LangGraph's own ids (tasks, checkpoints, namespaces) are new in each run, so a call is named by the way that leads to
it: node, step counted from the beginning of the invocation, place in a fan-out, and so on down through nested graphs.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.config import get_config

from kitaru_adapters.langgraph.turns import Turn, Turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

__all__ = ["Ordinals", "PositionTracker", "Siblings"]

_PUSH = "__pregel_push"
_BRANCH = re.compile(r"\[\d+\]\Z")
FRESH_STEP = -2
"""Step of a thread that does not exist yet: its first checkpoint, the input, has step -1."""


class PositionTracker(BaseCallbackHandler):
    """Remembers for every namespace that starts the node, step and path it stands for.

    Attributes:
        base_step: Step of the thread's head before the invocation.
        turns: Order of the calls in fan-outs.
    """

    run_inline = True  # a call right after the start of its node must find it

    def __init__(self, base_step: int = FRESH_STEP) -> None:
        self.base_step = base_step
        self.turns = Turns()
        self._segments: dict[str, str] = {}
        self._turns: dict[str, Turn] = {}
        self._tasks: dict[UUID, str] = {}
        self._lock = threading.Lock()

    def on_chat_model_start(self, *args: object, **kwargs: object) -> None:
        """Need nothing; for a handler without this method the framework writes the whole conversation out as text.

        Args:
            *args: As the framework calls its handlers.
            **kwargs: The same.
        """

    def on_chain_start(
        self,
        serialized: object,  # noqa: ARG002 - the framework's signature
        inputs: object,  # noqa: ARG002
        *,
        run_id: UUID,
        metadata: Mapping[str, object] | None = None,
        **kwargs: object,  # noqa: ARG002
    ) -> None:
        """Note the position of a node that starts."""
        namespace = (metadata or {}).get("langgraph_checkpoint_ns")
        if metadata and isinstance(namespace, str) and namespace and "langgraph_node" in metadata:
            with self._lock:
                if namespace in self._segments:
                    return
                step = self._step(metadata, nested="|" in namespace)
                push = _push_of(metadata)
                self._segments[namespace] = f"{metadata['langgraph_node']}@{step}{f'[{push}]' if push else ''}"
                self._begun(namespace, str(metadata["langgraph_node"]), step, push)
                self._tasks[run_id] = namespace

    def on_chain_end(self, outputs: object, *, run_id: UUID, **kwargs: object) -> None:  # noqa: ARG002 - as above
        """Note that a node ended."""
        self._ended(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: object) -> None:  # noqa: ARG002 - as above
        """Note that a node failed or was interrupted."""
        self._ended(run_id)

    def _step(self, metadata: Mapping[str, object], *, nested: bool) -> object:
        step = metadata.get("langgraph_step")
        return step - self.base_step if isinstance(step, int) and not nested else step

    def _begun(self, namespace: str, node: str, step: object, push: str) -> None:
        if not isinstance(step, int):
            return
        parent = self._way(namespace.rpartition("|")[0])
        turn = Turn(parent, step, int(push), node) if push.isdecimal() else None
        if turn is not None:
            self._turns[namespace] = turn
        self.turns.began(parent, step, turn)

    def _ended(self, run_id: UUID) -> None:
        with self._lock:
            turn = self._turns.get(self._tasks.pop(run_id, ""))
        if turn is not None:
            self.turns.gone(turn)

    def turn(self) -> Turn | None:
        """Return the place in a fan-out of the task that runs now; `None` for a task that stands alone."""
        namespace = _namespace()
        with self._lock:
            return self._turns.get(namespace)

    def here(self) -> str:
        """Return the way from the root of the graph to the node that runs now, or an empty text outside nodes."""
        namespace = _namespace()
        with self._lock:
            return self._way(namespace)

    def _way(self, namespace: str) -> str:
        parts = namespace.split("|")
        known = [self._segments.get("|".join(parts[: end + 1])) for end in range(len(parts))]
        return "/".join(found or part.split(":")[0] for found, part in zip(known, parts, strict=True))


def _namespace() -> str:
    """Return LangGraph's namespace of the node that runs now, or an empty text outside nodes."""
    try:
        metadata = get_config().get("metadata") or {}
    except RuntimeError:
        return ""
    namespace = metadata.get("langgraph_checkpoint_ns")
    return namespace if isinstance(namespace, str) else ""


def _push_of(metadata: Mapping[str, object]) -> str:
    path = metadata.get("langgraph_path")
    return _push_index(path) if isinstance(path, (list, tuple)) and path and path[0] == _PUSH else ""


def _push_index(path: object) -> str:
    """Return the place in a fan-out; a task called by a task holds its caller's path, which has a place of its own."""
    if isinstance(path, (list, tuple)):
        return ".".join(_push_index(part) for part in path[1:] if _counts(part))
    return str(path)


def _counts(part: object) -> bool:
    return isinstance(part, (int, list, tuple)) and not isinstance(part, bool)


class Ordinals:
    """Numbers calls at the same position, in such a way that failed attempts leave no trace.

    A running call holds its number; if it fails, the next one gets the same number, so a retry outside finds again what
    a run without the failure would have found.
    """

    def __init__(self) -> None:
        self._taken: dict[str, set[int]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def next(self, position: str) -> Iterator[int]:
        """Hold the lowest free number of a position; keep it on success, give it back on failure.

        Args:
            position: The position.

        Yields:
            The number, from 1.
        """
        with self._lock:
            taken = self._taken.setdefault(position, set())
            number = next(n for n in range(1, len(taken) + 2) if n not in taken)
            taken.add(number)
        try:
            yield number
        except BaseException:
            with self._lock:
                taken.discard(number)
            raise


class Siblings:
    """Tells which calls stand beside each other, so that a replay from one of them gives the others back.

    Siblings are the calls of one fan-out that depend on nothing but what came before it: the tools of one model answer,
    and the first calls of branches. What a branch does next depends on its own beginning and has no siblings.
    """

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._asked: set[str] = set()
        self._lock = threading.Lock()

    def of_model(self, place: str, position: str) -> str | None:
        """Return the label of a model call and its siblings, or `None` where it has none.

        Args:
            place: Where it is made.
            position: The call; another attempt of it has the same one.
        """
        with self._lock:
            is_first = self._first.setdefault(place, position) == position
            self._asked.add(place)
        fan_out = _BRANCH.sub("", place)
        return f"{fan_out}/model" if is_first and fan_out != place else None

    def of_tool(self, place: str, position: str) -> str | None:
        """Return the label of a tool call and its siblings, or `None` where it has none.

        Args:
            place: Where it is made; one task may call all tools of an answer, or each have a task of its own.
            position: The call.
        """
        with self._lock:
            self._first.setdefault(place, position)
            fan_out = place if place in self._asked else _BRANCH.sub("", place)
        return f"{fan_out}/tool" if fan_out else None
