"""`kitaru waits`: every open wait of every execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from kitaru.cli import views
from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.shapes import wait_shape

if TYPE_CHECKING:
    from kitaru.operating.models import PendingWait

__all__ = ["waits"]


def waits(*, flow: str | None = None, output: OutputOption = "text") -> None:
    """List the open waits of all executions, oldest first.

    Args:
        flow: Only of executions of this flow.
        output: text for people, json for programs.
    """
    found = open_client().waits.list(flow=flow)
    items = [{**(wait_shape(wait) or {}), "exec_id": wait.exec_id, "flow_name": wait.flow_name} for wait in found]
    Output("waits", output).items(items, _view(found))


def _view(found: list[PendingWait]) -> RenderableType:
    title = Text(f"Open waits ({len(found)})" if found else "Open waits", style="bold")
    if not found:
        return Group(title, Text("  waits: none found"))
    parts: list[RenderableType] = [title]
    for wait in found:
        parts += [Text(""), Text.assemble((f"{wait.exec_id}  ", "dim"), wait.flow_name)]
        parts.append(views.wait_view(wait.exec_id, wait))
    return Group(*parts)
