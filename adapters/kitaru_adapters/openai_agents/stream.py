"""Live events: what may be seen while a run streams, never what was said in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agents.stream_events import AgentUpdatedStreamEvent, RawResponsesStreamEvent, RunItemStreamEvent

from kitaru.seam import is_control_signal
from kitaru_adapters.kit.limits import DISPLAY_LIMIT
from kitaru_adapters.kit.streams import LiveStream, StreamKinds
from kitaru_adapters.openai_agents.settings import ADAPTER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agents.items import TResponseStreamEvent
    from agents.stream_events import StreamEvent

    from kitaru.seam import Call
    from kitaru_adapters.openai_agents.capture import OpenAICapturePolicy

__all__ = [
    "OPENAI_STREAM_COMPLETED",
    "OPENAI_STREAM_EVENT",
    "OPENAI_STREAM_EVENT_KINDS",
    "OPENAI_STREAM_FAILED",
    "OPENAI_STREAM_STARTED",
    "OPENAI_STREAM_TERMINAL_EVENT_KINDS",
    "ModelStreamPublisher",
    "RunStreamPublisher",
]

_KINDS: Final = StreamKinds(ADAPTER)
OPENAI_STREAM_STARTED: Final = _KINDS.started
OPENAI_STREAM_EVENT: Final = _KINDS.event
OPENAI_STREAM_COMPLETED: Final = _KINDS.completed
OPENAI_STREAM_FAILED: Final = _KINDS.failed
OPENAI_STREAM_EVENT_KINDS: Final = frozenset(
    {OPENAI_STREAM_STARTED, OPENAI_STREAM_EVENT, OPENAI_STREAM_COMPLETED, OPENAI_STREAM_FAILED}
)
OPENAI_STREAM_TERMINAL_EVENT_KINDS: Final = frozenset({OPENAI_STREAM_COMPLETED, OPENAI_STREAM_FAILED})
_HANDOFF_NAMES: Final = {"handoff_occured": "handoff_occurred"}


class _Publisher:
    def __init__(self, call: Call, agent: str, policy: OpenAICapturePolicy) -> None:
        self._policy = policy
        self._live = LiveStream(call, _KINDS, {"adapter": ADAPTER, "agent_name": agent})

    def raw(self, event: TResponseStreamEvent) -> None:
        """Publish one event of the provider's stream; pieces of text only if the policy asks for them."""
        kind = str(getattr(event, "type", type(event).__name__))
        delta = getattr(event, "delta", None)
        if delta is None:
            self._live.event(category="raw_response", display=kind, event_type=kind)
        elif self._policy.include_stream_text_deltas and kind == "response.output_text.delta":
            text = str(delta)[:DISPLAY_LIMIT]
            self._live.event(category="raw_response", display=kind, event_type=kind, text_delta=text)


class ModelStreamPublisher(_Publisher):
    """Publishes the events of one model call that is a unit of its own."""

    async def published(self, events: AsyncIterator[TResponseStreamEvent]) -> AsyncIterator[TResponseStreamEvent]:
        """Yield the events as they come and publish what may be seen of them.

        Args:
            events: The model's stream.

        Yields:
            The same events.
        """
        self._live.start(display="model stream started")
        try:
            async for event in events:
                self.raw(event)
                yield event
        except Exception as error:
            self._live.fail(error)
            raise
        self._live.complete(display="model stream completed")


class RunStreamPublisher(_Publisher):
    """Publishes the events of a whole run that is one unit."""

    def start(self) -> None:
        """Publish that the run started."""
        self._live.start(display="run started")

    def event(self, event: StreamEvent) -> None:
        """Publish one event of the framework's stream.

        Args:
            event: A raw event, a run item, or a change of agent.
        """
        if isinstance(event, RawResponsesStreamEvent):
            self.raw(event.data)
        elif isinstance(event, RunItemStreamEvent):
            self._item(event)
        elif isinstance(event, AgentUpdatedStreamEvent):
            name = event.new_agent.name
            self._live.event(category="agent_updated", display=f"agent: {name}", new_agent_name=name)

    def complete(self) -> None:
        """Publish that the run ended and everything about it is stored."""
        self._live.complete(display="run completed")

    def fail(self, error: BaseException) -> None:
        """Publish that the run failed; a pause is no failure."""
        if not is_control_signal(error):
            self._live.fail(error)

    def _item(self, event: RunItemStreamEvent) -> None:
        name = _HANDOFF_NAMES.get(event.name, event.name)
        raw: object = getattr(event.item, "raw_item", None)
        self._live.event(
            category="run_item",
            display=name,
            name=name,
            item_type=event.item.type,
            item_name=_field(raw, "name"),
            call_id=_field(raw, "call_id"),
        )


def _field(raw: object, name: str) -> str | None:
    value = raw.get(name) if isinstance(raw, dict) else getattr(raw, name, None)
    return value if isinstance(value, str) else None
