"""Event streams: reading one, resuming a broken one, and showing live what may be shown.

A stream is a view, not the source of the result: what is recorded is fetched from the service afterwards. Only a turn
that is not stored there is put together from its events.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kitaru_adapters.gemini.errors import (
    GeminiBackendError,
    GeminiDeadlineError,
    is_connection_trouble,
    is_transient,
    poll_hint,
    status_code,
)
from kitaru_adapters.gemini.operations import END, Ask, Close, Next, Program
from kitaru_adapters.gemini.rebuild import Rebuilt
from kitaru_adapters.gemini.values import Foreign, Json, text_of
from kitaru_adapters.kit.limits import DISPLAY_LIMIT, clip
from kitaru_adapters.kit.streams import LiveStream, StreamKinds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kitaru.seam import Call
    from kitaru_adapters.gemini.polling import Deadline

__all__ = [
    "GEMINI_STREAM_COMPLETED",
    "GEMINI_STREAM_EVENT",
    "GEMINI_STREAM_EVENT_KINDS",
    "GEMINI_STREAM_FAILED",
    "GEMINI_STREAM_STARTED",
    "GEMINI_STREAM_TERMINAL_EVENT_KINDS",
    "StreamReader",
]

_KINDS = StreamKinds("gemini_interactions")
GEMINI_STREAM_STARTED = _KINDS.started
GEMINI_STREAM_EVENT = _KINDS.event
GEMINI_STREAM_COMPLETED = _KINDS.completed
GEMINI_STREAM_FAILED = _KINDS.failed
GEMINI_STREAM_TERMINAL_EVENT_KINDS = frozenset({GEMINI_STREAM_COMPLETED, GEMINI_STREAM_FAILED})
GEMINI_STREAM_EVENT_KINDS = GEMINI_STREAM_TERMINAL_EVENT_KINDS | {GEMINI_STREAM_STARTED, GEMINI_STREAM_EVENT}

_STALLED_CONNECTIONS = 2
_ENDS = frozenset({"interaction.completed", "interaction.complete"})
_CATEGORIES = {
    "interaction.created": "interaction_created",
    "interaction.start": "interaction_created",
    "interaction.status_update": "interaction_status_update",
    "interaction.completed": "interaction_completed",
    "interaction.complete": "interaction_completed",
    "step.start": "step_start",
    "step.stop": "step_stop",
    "step.delta": "step_delta",
    "content.start": "content_start",
    "content.stop": "content_stop",
    "content.delta": "step_delta",
    "error": "error",
    "done": "done",
}
_DELTA_CATEGORIES = {
    "text": "text_delta",
    "arguments_delta": "tool_arguments_delta",
    "thought_summary": "thought_delta",
    "thought_signature": "thought_delta",
    "image": "media_delta",
    "audio": "media_delta",
    "video": "media_delta",
    "document": "media_delta",
}


@dataclass
class StreamFacts:
    """What was seen of the events of one turn.

    Attributes:
        counts: Number of events by type.
        last_event_id: Where a broken stream can be taken up again.
        final_status: State the stream ended with, if it got that far.
        fallback_used: Whether the rest was observed by polling.
    """

    counts: Counter[str] = field(default_factory=Counter)
    last_event_id: str | None = None
    final_status: str | None = None
    fallback_used: bool = False

    def as_metadata(self, *, mode: str) -> Json:
        """Return the facts for the result's metadata."""
        return {
            "event_count": self.counts.total(),
            "counts_by_event_type": dict(self.counts),
            "last_event_id": self.last_event_id,
            "final_status": self.final_status,
            "observation_mode": mode,
            "fallback_used": self.fallback_used,
        }


class StreamReader:
    """Reads the events of one turn, over as many connections as it takes.

    Attributes:
        interaction_id: The interaction, as soon as an event named it.
        facts: What was seen.
        rebuilt: The interaction as its events describe it.
    """

    def __init__(self, deadline: Deadline, *, live: LiveStream | None, show_text: bool) -> None:
        """Prepare to read.

        Args:
            deadline: Time that is left.
            live: Where to show the events, if anywhere.
            show_text: Whether pieces of the model's own answer may be shown.
        """
        self._deadline, self._live, self._show_text = deadline, live, show_text
        self.interaction_id: str | None = None
        self.on_id: Callable[[str], Program[None]] | None = None
        self.facts = StreamFacts()
        self.rebuilt = Rebuilt()

    def restart(self) -> None:
        """Forget one hop before the next one is read."""
        self.interaction_id, self.rebuilt = None, Rebuilt()
        self.facts.last_event_id = self.facts.final_status = None

    def read(self, stream: Foreign) -> Program[None]:
        """Read one connection to its end.

        Args:
            stream: An open stream.

        Raises:
            GeminiBackendError: The service reported an error in the stream.
            GeminiDeadlineError: The deadline passed.
        """
        try:
            while (event := (yield Next(stream))) is not END:
                if self._names_interaction(event) and self.on_id is not None:
                    yield from self.on_id(self.interaction_id or "")
                self._see(event)
        except GeneratorExit:
            raise
        except BaseException:
            yield Close(stream)
            raise
        yield Close(stream)

    def follow(self, interaction_id: str) -> Program[None]:
        """Read the events of a job that runs anyway; where that breaks off for good, polling has to do.

        Args:
            interaction_id: The job.

        Raises:
            GeminiBackendError: The service reported an error in the stream.
            GeminiDeadlineError: The deadline passed.
        """
        self.interaction_id = interaction_id
        stalled = 0
        while stalled < _STALLED_CONNECTIONS and self.facts.final_status is None:
            before = self.facts.counts.total()
            place = {"last_event_id": self.facts.last_event_id} if self.facts.last_event_id else {}
            arguments = {"id": interaction_id, "stream": True, **place, **self._deadline.timeout()}
            try:
                stream = yield Ask("get", arguments, streamed=True)
                yield from self.read(stream)
            except (GeminiBackendError, GeminiDeadlineError):
                raise
            except Exception as error:
                if status_code(error) is None and not is_connection_trouble(error):
                    raise
                if not is_transient(error):
                    break  # the service does not stream this job; polling it still works
            stalled = 0 if self.facts.counts.total() > before else stalled + 1
        self.facts.fallback_used = self.facts.final_status is None

    def _see(self, event: Json) -> None:
        kind = text_of(event.get("event_type")) or "unknown"
        self.facts.counts[kind] += 1
        self.facts.last_event_id = text_of(event.get("event_id")) or self.facts.last_event_id
        if kind in _ENDS:
            self.facts.final_status = text_of(_interaction(event).get("status")) or "completed"
        self.rebuilt.add(kind, event)
        self._show(kind, event)
        if kind == "error":
            self._raise_error_event(event)
        if self._deadline.is_over:
            msg = (
                f"Interaction {self.interaction_id} was still streaming when its {self._deadline.seconds:g} s "
                "were over; "
                f"it was left running. {poll_hint(self.interaction_id or '')}"
            )
            raise GeminiDeadlineError(msg, interaction_id=self.interaction_id, status="in_progress")

    def _names_interaction(self, event: Json) -> bool:
        if self.interaction_id is not None:
            return False
        self.interaction_id = text_of(_interaction(event).get("id")) or text_of(event.get("interaction_id"))
        return self.interaction_id is not None

    def _raise_error_event(self, event: Json) -> None:
        fault = event.get("error")
        said = clip(str(fault.get("message") or ""), 500) if isinstance(fault, dict) else ""
        msg = f"The event stream of interaction {self.interaction_id} reported an error: {said or 'no details'}."
        raise GeminiBackendError(msg, operation="stream", interaction_id=self.interaction_id)

    def _show(self, kind: str, event: Json) -> None:
        if self._live is None:
            return
        index = event.get("index")
        step = self.rebuilt.step(index)
        delta = event.get("delta")
        delta_type = text_of(delta.get("type")) if isinstance(delta, dict) else None
        category = _CATEGORIES.get(kind, "unknown_event")
        if category == "step_delta":
            category = _DELTA_CATEGORIES.get(delta_type or "", category)
        text = self._visible_text(category, step, delta)
        self._live.event(
            category=category,
            display=text if text is not None else f"{kind} {delta_type or step.get('type') or ''}".strip(),
            event_type=kind,
            event_id=text_of(event.get("event_id")),
            interaction_id=self.interaction_id,
            status=text_of(event.get("status")),
            step_index=index if isinstance(index, int) else None,
            step_id=text_of(step.get("id")),
            step_type=text_of(step.get("type")),
            call_id=text_of(step.get("call_id")) or text_of(step.get("id")),
            tool_name=text_of(step.get("name")),
            delta_type=delta_type,
            has_usage=("usage" in event or "usage" in _interaction(event)) or None,
            text=text,
        )

    def _visible_text(self, category: str, step: Mapping[str, object], delta: object) -> str | None:
        if not self._show_text or category != "text_delta" or step.get("type") != "model_output":
            return None
        text = delta.get("text") if isinstance(delta, dict) else None
        return text[:DISPLAY_LIMIT] if isinstance(text, str) else None


def _interaction(event: Json) -> Json:
    interaction = event.get("interaction")
    return interaction if isinstance(interaction, dict) else {}


def live_stream(call: Call, *, runner_name: str) -> LiveStream:
    """Open the live view of one streamed turn."""
    return LiveStream(
        call,
        _KINDS,
        {"adapter": "gemini_interactions", "runner_name": runner_name, "surface": "gemini_interaction"},
    )
