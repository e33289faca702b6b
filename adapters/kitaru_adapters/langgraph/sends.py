"""State that a tool writes past its result.

Some tools, Deep Agents' file tools among them, write to the graph's state through a send function in their
configuration. A tool answered from the journal must have these writes done again, or its files are lost.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langchain_core.runnables import RunnableConfig

__all__ = ["recorded_sends", "send_again"]

_SEND = "__pregel_send"


@contextmanager
def recorded_sends(config: RunnableConfig) -> Iterator[list[tuple[str, object]]]:
    """Remember what is written through a configuration's send function, which goes on working.

    Args:
        config: Configuration of one tool call; LangGraph gives each call its own.

    Yields:
        The writes so far, as `(channel, value)`; LangGraph's reserved channels are left out.
    """
    configurable = config.get("configurable")
    send = configurable.get(_SEND) if isinstance(configurable, dict) else None
    written: list[tuple[str, object]] = []
    if not isinstance(configurable, dict) or send is None:
        yield written
        return

    def record(writes: Sequence[tuple[str, object]]) -> None:
        written.extend((channel, value) for channel, value in writes if not channel.startswith("__"))
        send(writes)

    configurable[_SEND] = record
    try:
        yield written
    finally:
        configurable[_SEND] = send


def send_again(config: RunnableConfig, writes: object) -> None:
    """Do the recorded writes of a tool call that did not run again.

    Args:
        config: Configuration of the tool call.
        writes: What `recorded_sends` remembered.
    """
    send = (config.get("configurable") or {}).get(_SEND)
    if send is not None and isinstance(writes, list) and writes:
        send(writes)
