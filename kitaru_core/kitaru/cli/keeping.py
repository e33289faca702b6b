"""`kitaru executions`: export, import, delete and prune."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from kitaru.cli import views
from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption, age
from kitaru.cli.output import Output
from kitaru.cli.shapes import execution_shape
from kitaru.errors import KitaruUsageError

__all__ = ["delete", "export", "import_", "prune"]

YesOption = Annotated[bool, Parameter(name=["--yes", "-y"], negative="")]


def export(exec_id: str, file: Path, *, output: OutputOption = "text") -> None:
    """Write an execution with all its values into one file that only you can read.

    Args:
        exec_id: The execution.
        file: The file; it must not exist.
        output: text for people, json for programs.
    """
    written = open_client().executions.export(exec_id, file.expanduser())
    item = {"exec_id": exec_id, "file": str(written), "size_bytes": written.stat().st_size}
    view = views.success(f"Exported execution: {exec_id}", f"{written} ({item['size_bytes']} bytes)")
    Output("executions.export", output).item(item, view)


def import_(file: Path, *, output: OutputOption = "text") -> None:
    """Bring an exported execution into this store.

    Args:
        file: What export has written.
        output: text for people, json for programs.
    """
    client = open_client()
    execution = client.executions.get(client.executions.import_(file.expanduser()))
    out = Output("executions.import", output)
    if out.is_json:
        out.item(execution_shape(execution))
    else:
        out.show(views.success(f"Imported execution: {execution.exec_id}", f"Status: {execution.status}"))


def delete(exec_id: str, *, yes: YesOption = False, output: OutputOption = "text") -> None:
    """Delete an execution with everything it has stored.

    Args:
        exec_id: The execution; nobody must be running it.
        yes: Do not ask.
        output: text for people, json for programs.
    """
    executions = open_client().executions
    executions.get(exec_id)
    deleted = yes or _confirmed(f"Delete execution {exec_id} for good?", output)
    if deleted:
        executions.delete(exec_id)
    view = Text(f"{'Deleted' if deleted else 'Kept'} execution: {exec_id}")
    Output("executions.delete", output).item({"exec_id": exec_id, "deleted": deleted}, view)


def prune(
    *,
    older_than: str | None = None,
    keep: int | None = None,
    flow: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    yes: YesOption = False,
    output: OutputOption = "text",
) -> None:
    """Delete executions that ended long ago; what runs or waits is kept.

    Args:
        older_than: Only those that ended longer ago: 90m, 12h, 30d, 8w.
        keep: How many of each flow to keep at least, the newest ones.
        flow: Only of this flow.
        dry_run: Only show which would be deleted.
        yes: Do not ask.
        output: text for people, json for programs.
    """
    executions = open_client().executions
    limit = None if older_than is None else age(older_than, "--older-than")
    chosen = executions.prune(older_than=limit, keep=keep, flow=flow, dry_run=True)
    if not dry_run and chosen:
        aborted = not (yes or _confirmed(f"Delete {_counted(chosen)} for good?", output))
        chosen = [] if aborted else executions.prune(older_than=limit, keep=keep, flow=flow)
    word = "Would delete" if dry_run else "Deleted"
    lines = [Text(f"{word} {_counted(chosen)}", style="bold"), *(Text(f"  {one}") for one in chosen)]
    items = [{"exec_id": one, "deleted": not dry_run} for one in chosen]
    Output("executions.prune", output).items(items, *lines)


def _counted(chosen: list[str]) -> str:
    return f"{len(chosen)} execution{'' if len(chosen) == 1 else 's'}"


def _confirmed(question: str, output: OutputOption) -> bool:
    if output == "json" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        msg = "There is no terminal to ask on; say --yes."
        raise KitaruUsageError(msg)
    try:
        return input(f"{question} [y/N] ").strip().casefold() in {"y", "yes"}
    except EOFError:
        return False
