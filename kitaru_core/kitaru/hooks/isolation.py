"""Calling implementations one by one, so that each failure is laid at the right plugin's door.

pluggy stops a call at the first exception and does not say whose it was. A listener knows its plugin; observers go on
when one of them fails.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kitaru.errors import BoundaryRefused, KitaruPluginError
from kitaru.hooks.origin import Origin
from kitaru.records.boundary import Boundary

__all__ = ["Listener", "answers", "describe", "report", "tell", "traced", "tracing"]

logger: logging.Logger = logging.getLogger("kitaru.hooks")


@dataclass(frozen=True, slots=True)
class Listener:
    """One plugin's implementation of one hook.

    Attributes:
        hook: The hook.
        origin: The plugin.
        function: The implementation.
        accepts: Names of the parameters it takes, in order.
    """

    hook: str
    origin: Origin
    function: Callable[..., object]
    accepts: tuple[str, ...]

    def __call__(self, **facts: object) -> object:
        """Call the implementation with those facts it takes.

        Raises:
            BoundaryRefused: The plugin refuses a boundary; its name is filled in.
            KitaruPluginError: The plugin failed.
        """
        try:
            return self.function(*[facts[name] for name in self.accepts])
        except BoundaryRefused as refusal:
            refusal.plugin = refusal.plugin or self.origin.name
            refusal.distribution = refusal.distribution or self.origin.distribution
            refusal.version = refusal.version or self.origin.version
            refusal.hook = refusal.hook or self.hook
            raise
        except Exception as error:
            # Whatever a plugin raises becomes one kind of error that names the plugin; control signals pass.
            trouble = f"It failed with {describe(error)}."
            raise self.origin.fault(trouble, hook=self.hook) from error


def describe(error: BaseException) -> str:
    """Return an exception in one line."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def answers(listeners: Sequence[Listener], **facts: object) -> Iterator[tuple[Listener, object]]:
    """Yield every answer that is not `None`, with the plugin that gave it.

    Args:
        listeners: Whom to ask.
        **facts: The hook's arguments.

    Raises:
        KitaruPluginError: A plugin failed.
    """
    for listener in listeners:
        answer = listener(**facts)
        if answer is not None:
            yield listener, answer


def tell(listeners: Sequence[Listener], **facts: object) -> list[object]:
    """Call all listeners; one that fails is logged, and the others are called all the same.

    Args:
        listeners: Whom to tell.
        **facts: The hook's arguments.

    Returns:
        What they answered that is not `None`.
    """
    found = []
    for listener in listeners:
        try:
            answer = listener(**facts)
        except KitaruPluginError as error:
            report(error)
        else:
            if answer is not None:
                found.append(answer)
    return found


def report(error: Exception) -> None:
    """Log a plugin's failure that the run survives."""
    logger.warning("%s", error, exc_info=error.__cause__ or error)


def traced(listener: Listener) -> Listener:
    """Return a listener that also prints each of its calls to standard error.

    Args:
        listener: The listener.

    Returns:
        One that prints plugin, arguments in a few words, and microseconds.
    """

    def call(*arguments: object) -> object:
        with tracing(listener.hook, listener.origin.name, *arguments):
            return listener.function(*arguments)

    return Listener(listener.hook, listener.origin, call, listener.accepts)


@contextmanager
def tracing(hook: str, plugin: str, *arguments: object) -> Iterator[None]:
    """Print a call to standard error when it is over.

    Args:
        hook: The hook.
        plugin: Who is called.
        *arguments: What it is given; only a word about each is printed.
    """
    begin = time.perf_counter_ns()
    try:
        yield
    finally:
        took = (time.perf_counter_ns() - begin) / 1000
        sys.stderr.write(f"{hook}({', '.join(map(_in_short, arguments))}) -> {plugin} {took:.1f} us\n")


def _in_short(argument: object) -> str:
    """Return a word for an argument; never its content, which may be secret."""
    if isinstance(argument, Boundary):
        return argument.invocation_id
    kind, seq = getattr(argument, "kind", None), getattr(argument, "seq", None)
    return f"{kind}#{seq}" if isinstance(kind, str) and isinstance(seq, int) else type(argument).__name__
