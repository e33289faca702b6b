"""`--watch`: what a command shows, shown anew until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live

from kitaru.cli.output import Output, console
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from kitaru.records.plain import JsonObject

__all__ = ["check_interval", "show_until_interrupted"]

View = tuple["JsonObject", Sequence["RenderableType"]]
"""What a program reads, and the same for a person."""


def check_interval(interval: float) -> None:
    """Refuse an interval that is none.

    Raises:
        KitaruUsageError: It is not above 0.
    """
    if not interval > 0:
        msg = f"--interval must be above 0, not {interval}."
        raise KitaruUsageError(msg)


def show_until_interrupted(out: Output, look: Callable[[], View], interval: float) -> int:
    """Show a view again and again: drawn anew on a terminal, elsewhere once for each change.

    Args:
        out: Where it goes.
        look: Looks, and returns what there is.
        interval: Seconds between two looks.

    Returns:
        The exit code: 0, because Ctrl-C is the way to end this.

    Raises:
        KitaruUsageError: The interval is not above 0.
    """
    check_interval(interval)
    drawn = not out.is_json and sys.stdout.isatty()
    screen = Live(console=console(), auto_refresh=False) if drawn else nullcontext()
    told: JsonObject | None = None
    try:
        with screen as live:
            while True:
                document, view = look()
                if live is not None:
                    live.update(Group(*view), refresh=True)
                elif document != told:
                    out.document(document, *view)
                    sys.stdout.flush()
                    told = document
                time.sleep(interval)
    except KeyboardInterrupt:
        return 0
