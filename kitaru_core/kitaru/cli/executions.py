"""`kitaru executions`: list, get, cancel and verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import RenderableType
from rich.text import Text

from kitaru.cli import views
from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption, Repeated, moment
from kitaru.cli.listing import PAGE_SIZE, check_page, note
from kitaru.cli.output import Output
from kitaru.cli.repeating import show_until_interrupted
from kitaru.cli.shapes import execution_shape, summary_shape
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from kitaru.records.plain import JsonObject

__all__ = ["cancel", "get", "list_executions", "verify"]


def list_executions(  # noqa: PLR0913 - one option for each filter
    *,
    status: str | None = None,
    flow: str | None = None,
    stack: str | None = None,
    since: str | None = None,
    tag: Repeated = None,
    limit: int | None = None,
    page: int | None = None,
    size: int | None = None,
    watch: Annotated[bool, Parameter(negative="")] = False,
    interval: float = 1.0,
    output: OutputOption = "text",
) -> int:
    """List executions, newest first.

    Args:
        status: Only those that are running, waiting, completed, failed or cancelled.
        flow: Only those of this flow.
        stack: Only those of this stack.
        since: Only those created since then: so long ago, such as 90m, 2h or 30d, or a date or time.
        tag: Executions have no tags here; says what to use instead.
        limit: Only the first N; not together with --page and --size.
        page: Which page, from 1.
        size: How many on a page (20).
        watch: Show the list anew until Ctrl-C; in a pipe, and with -o json, once for each change.
        interval: Seconds between two looks of --watch.
        output: text for people, json for programs.
    """
    chosen = _window(limit, page, size)
    after = None if since is None else moment(since, "--since")
    out = Output("executions.list", output)

    def look() -> tuple[JsonObject, list[RenderableType]]:
        found = open_client().executions.list(flow=flow, status=status, stack=stack, since=after, tags=tag, **chosen)
        view: list[RenderableType] = [views.ExecutionsTable(found, page=chosen.get("page", 1))]
        hint = "" if limit is not None else note(len(found), **chosen)
        if hint:
            view.append(Text(hint, style="dim"))
        return out.items_document([summary_shape(item) for item in found]), view

    if watch:
        return show_until_interrupted(out, look, interval)
    document, view = look()
    out.document(document, *view)
    return 0


def _window(limit: int | None, page: int | None, size: int | None) -> dict[str, Any]:
    if limit is None:
        shown = {"page": 1 if page is None else page, "size": PAGE_SIZE if size is None else size}
        check_page(**shown)
        return shown
    if page is not None or size is not None:
        msg = f"--limit cannot be combined with --page or --size; use --page 1 --size {limit}."
        raise KitaruUsageError(msg)
    if limit < 1:
        msg = f"--limit must be at least 1, not {limit}."
        raise KitaruUsageError(msg)
    return {"limit": limit}


def get(exec_id: str, *, output: OutputOption = "text") -> None:
    """Show one execution: its state, its calls, what it waits for, why it failed.

    Args:
        exec_id: The execution.
        output: text for people, json for programs.
    """
    execution = open_client().executions.get(exec_id)
    out = Output("executions.get", output)
    if out.is_json:
        out.item(execution_shape(execution))
    else:
        out.show(views.execution_record(execution))


def cancel(exec_id: str, *, output: OutputOption = "text") -> None:
    """Cancel an execution: a running one ends at its next boundary, a waiting one at once.

    Args:
        exec_id: The execution.
        output: text for people, json for programs.
    """
    execution = open_client().executions.cancel(exec_id)
    details = [f"Status: {execution.status}"]
    if execution.status == "running":
        details.append("Its runner ends it at the next boundary.")
    view = views.success(f"Cancelled execution: {exec_id}", *details)
    Output("executions.cancel", output).item(execution_shape(execution), view)


def verify(exec_id: str, *, output: OutputOption = "text") -> int:
    """Prove that an execution's history is complete and unaltered; ends with 1 when it is not.

    Args:
        exec_id: The execution.
        output: text for people, json for programs.
    """
    found = open_client().executions.verify(exec_id)
    if found.is_intact:
        checked = f"{found.records} records and {found.payloads} values checked"
        view = views.success(f"Intact: {exec_id}", checked, f"head {found.head}")
    else:
        place = "" if found.seq is None else f" (record {found.seq})"
        view = Text.assemble(("Not intact: ", "bold red"), f"{exec_id}{place}\n  {found.fault}")
    item = {**msgspec.to_builtins(found), "intact": found.is_intact}
    Output("executions.verify", output).item(item, view)
    return int(not found.is_intact)
