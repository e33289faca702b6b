"""The pieces in which `llm(on_text=)` tells a text: while it is written, and again from the record."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate, pairwise
from typing import Final

from kitaru.engine.scope import no_scope
from kitaru.engine.unit import Outcome
from kitaru.errors import KitaruUsageError

__all__ = ["Listener", "Teller", "canned_pieces", "retell", "retell_async"]

Listener = Callable[[str], object]
"""Is called with each piece of a text; `llm_async` awaits what it returns, if that can be awaited."""

_LENGTHS: Final = "pieces"
_WORD: Final = re.compile(r"\s*\S+\s*|\s+")


class Teller:
    """Tells one text to a listener.

    Args:
        listener: Who is told.
        apart: Whether the listener stands outside of the flow, as it does when it is told again.

    Attributes:
        lengths: The length of each piece that was told.
    """

    __slots__ = ("_apart", "_listener", "lengths")

    def __init__(self, listener: Listener, *, apart: bool) -> None:
        self._listener: Listener = listener
        self._apart: bool = apart
        self.lengths: list[int] = []

    @property
    def carried(self) -> dict[str, list[int]]:
        """What has to be recorded with the text for telling it again in the same pieces."""
        return {_LENGTHS: self.lengths}

    def tell(self, piece: str) -> None:
        """Tell a piece.

        Args:
            piece: The piece.

        Raises:
            KitaruUsageError: The listener is a coroutine function, which only `llm_async` can await.
        """
        with self._place():
            told = self._listener(piece)
        self.lengths.append(len(piece))
        if inspect.iscoroutine(told):
            told.close()
            msg = "llm(on_text=) was given a coroutine function, and nothing awaits it here; use llm_async."
            raise KitaruUsageError(msg)

    async def tell_async(self, piece: str) -> None:
        """Tell a piece and await what the listener returns, if that can be awaited.

        Args:
            piece: The piece.
        """
        with self._place():
            told = self._listener(piece)
            if inspect.isawaitable(told):
                await told
        self.lengths.append(len(piece))

    def _place(self) -> AbstractContextManager[None]:
        return no_scope() if self._apart else nullcontext()


def canned_pieces(text: str) -> list[str]:
    """Cut a canned text into words, as a model would hand it out.

    Args:
        text: The text.
    """
    return _WORD.findall(text)


def retell(listener: Listener | None, outcome: Outcome[str]) -> None:
    """Tell a listener the text of a call that was not made again.

    Args:
        listener: Who is told, if anybody is.
        outcome: What came of the call.
    """
    if listener is not None and not outcome.executed:
        teller = Teller(listener, apart=True)
        for piece in _recorded_pieces(outcome):
            teller.tell(piece)


async def retell_async(listener: Listener | None, outcome: Outcome[str]) -> None:
    """Tell a listener as `retell` does, and await what it returns.

    Args:
        listener: Who is told, if anybody is.
        outcome: What came of the call.
    """
    if listener is not None and not outcome.executed:
        teller = Teller(listener, apart=True)
        for piece in _recorded_pieces(outcome):
            await teller.tell_async(piece)


def _recorded_pieces(outcome: Outcome[str]) -> Iterator[str]:
    """Yield the pieces of a recorded text; a text of another length, such as an override's, is one piece."""
    text = outcome.value
    lengths = outcome.carried.get(_LENGTHS) if isinstance(outcome.carried, dict) else None
    if not lengths or sum(lengths) != len(text):
        lengths = [len(text)]
    for start, end in pairwise(accumulate(lengths, initial=0)):
        yield text[start:end]
