"""What a campaign shows while it runs, and how it is stopped."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from crashes.judge import Account

__all__ = ["Shown", "Stopping"]

_LINES = 20


class Stopping(AbstractContextManager["Stopping"]):
    """Takes the first SIGINT or SIGTERM as a wish, so that what was done is still reported; a second one ends at once.

    Attributes:
        asked: Whether somebody wants the campaign to stop.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, signal.Handlers] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)  # type: ignore[assignment]  # Python's own handlers
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())


class Shown(AbstractContextManager["Shown"]):
    """Progress on standard error: a bar on a terminal, elsewhere a line after each twentieth; faults at once.

    Args:
        what: What is counted.
        total: How many there will be.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, total
        self._done = self._faults = 0
        self._begun = time.monotonic()
        console = Console(file=sys.stderr)
        # Drawn only between schedules: a thread that draws would be in the way of the processes forked here.
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[faults]} faults"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total, faults=0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def add(self, account: Account) -> None:
        """Show that another schedule was judged."""
        before = self._done * _LINES // self._total
        self._done += 1
        self._faults += len(account.faults)
        if not self._bar.disable:
            for fault in account.faults:
                self._bar.console.print(fault, markup=False, highlight=False)
            self._bar.update(self._task, advance=1, faults=self._faults, refresh=True)
            return
        sys.stderr.writelines(f"{fault}\n" for fault in account.faults)
        if self._done * _LINES // self._total > before:
            spent = time.monotonic() - self._begun
            sys.stderr.write(
                f"{self._done * 100 // self._total:3} %: {self._done:,} of {self._total:,} {self._what}, "
                f"{self._faults:,} faults, {spent:,.0f} s, about {spent * (self._total / self._done - 1):,.0f} s left\n"
            )
            sys.stderr.flush()
