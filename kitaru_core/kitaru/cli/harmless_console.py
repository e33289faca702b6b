"""A console on which a text cannot act: what agents and people write is shown, never obeyed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from kitaru.operating.harmless_text import harmless

__all__ = ["HarmlessConsole"]


class HarmlessConsole(Console):
    """Shows questions, messages and names as they are: their control characters do nothing."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as Rich does, with every text made harmless; only the control codes of Rich itself stay."""
        for segment in super().render(renderable, options):
            clean = segment.control is not None or segment.text.isprintable()
            yield segment if clean else Segment(harmless(segment.text), segment.style)
