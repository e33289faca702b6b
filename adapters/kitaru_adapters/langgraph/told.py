"""What the messages of an invocation say, worked out once for each although every model call repeats them all."""

from __future__ import annotations

from contextlib import suppress
from operator import attrgetter, is_
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from langchain_core.messages import BaseMessage

from kitaru_adapters.langgraph.capture import digest_of, shown_message

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Told", "ToldMessage"]


_MESSAGE, _CONTENT = attrgetter("message"), attrgetter("content")


class ToldMessage(NamedTuple):
    """One message.

    Attributes:
        message: The message; held, so that no other one can take its place in memory.
        content: Its content at that time.
        shown: What is kept of it in the stored conversation: JSON, or an object that has no JSON form.
        digest: Digest of what a model answers to.
    """

    message: BaseMessage
    content: object
    shown: object
    digest: str


class Told:
    """The messages of one invocation.

    Args:
        text: Whether their contents may be shown.
    """

    def __init__(self, *, text: bool) -> None:
        self._text = text
        self._known: dict[int, ToldMessage] = {}
        self._last: list[ToldMessage] = []

    def of(self, messages: Sequence[BaseMessage]) -> list[ToldMessage]:
        """Return what messages say.

        Args:
            messages: The messages of a model request.

        Returns:
            One entry for each. One that was met before is not looked at again unless its content was replaced.
        """
        found = self._beginning(messages)
        for message in messages[len(found) :]:
            entry = self._known.get(id(message))
            found.append(entry if entry is not None and entry.content is message.content else self._met(message))
        self._last = found
        return found

    def _beginning(self, messages: Sequence[BaseMessage]) -> list[ToldMessage]:
        """Return the entries of the last request as far as this one, as most do, begins with all of its messages."""
        last = self._last  # read once and never changed, because calls in several threads share it
        same = len(messages) >= len(last) and all(map(is_, map(_MESSAGE, last), messages))
        return [*last] if same and all(map(is_, map(_CONTENT, last), map(_CONTENT, messages))) else []

    def _met(self, message: BaseMessage) -> ToldMessage:
        shown: object = shown_message(message, text=self._text)
        with suppress(TypeError, ValueError):  # the runtime refuses it in its own words
            shown = msgspec.json.encode(shown)
        found = self._known[id(message)] = ToldMessage(message, message.content, shown, digest_of(message))
        return found
