"""Looking after runs that exist: find them, see what they wait for, answer, resume, cancel, and ask why."""

from __future__ import annotations

import sys
from typing import Literal

from kitaru import KitaruClient, checkpoint, flow, wait

Route = Literal["repair", "refund"]


@checkpoint
def look_at(ticket: int) -> str:
    """Read a ticket."""
    return f"ticket {ticket}"


@checkpoint
def carry_out(ticket: str, route: Route) -> str:
    """Do what was decided."""
    return f"{route} for {ticket}"


@flow
def support(ticket: int) -> str:
    """Let a person choose what is done about a ticket."""
    text = look_at(ticket)
    route: Route = wait(name="route", question=f"What about {text}?", schema=Route, timeout=0)
    return carry_out(text, route)


def main() -> list[str]:
    """Start three, answer one, cancel one, leave one.

    Returns:
        The states the three are in at the end, the newest first.
    """
    client = KitaruClient()
    runs = client.executions
    answered, cancelled, left = (support.run(ticket).exec_id for ticket in (1, 2, 3))
    for exec_id in (answered, cancelled, left):
        runs.wait(exec_id)
    for open_wait in client.waits.list(flow="support"):
        sys.stdout.write(f"{open_wait.exec_id} asks: {open_wait.question}\n")
    runs.input(answered, wait="route", value="refund")
    runs.resume(answered, block=True)
    runs.cancel(cancelled)
    sys.stdout.write(f"{runs.get(answered).result()}; {runs.why(left)}\n")
    newest = runs.latest(flow="support", status="waiting")
    sys.stdout.write(f"{newest.exec_id} waits: {[one.name for one in runs.pending_waits(newest.exec_id)]}\n")
    return [str(run.status) for run in runs.list(flow="support", limit=3)]


if __name__ == "__main__":
    main()
