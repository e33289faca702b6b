"""`kitaru status` and `kitaru info`: what kitaru works with here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.repeating import show_until_interrupted
from kitaru.cli.snapshot import Snapshot, take_snapshot
from kitaru.cli.views import size_text
from kitaru.errors import KitaruUsageError
from kitaru.hooks.loading import survey

if TYPE_CHECKING:
    from kitaru.journal.health import StoreFacts
    from kitaru.records.plain import JsonObject

__all__ = ["info", "status"]

_SHORT = {
    "SDK version": "sdk_version",
    "Connection": "connection",
    "Store": "connection_target",
    "Active user": "active_user",
    "Active stack": "active_stack",
    "Config directory": "config_directory",
}
_FULL = _SHORT | {
    "Project": "repository_root",
    "Settings file": "kitaru_global_config_path",
    "Python": "python_version",
    "Environment type": "environment_type",
}


def status(
    *,
    watch: Annotated[bool, Parameter(negative="")] = False,
    interval: float = 1.0,
    output: OutputOption = "text",
) -> int:
    """Show in short what kitaru works with here.

    Args:
        watch: Show it anew until Ctrl-C; in a pipe, and with -o json, once for each change.
        interval: Seconds between two looks of --watch.
        output: text for people, json for programs.
    """
    out = Output("status", output)

    def look() -> tuple[JsonObject, list[RenderableType]]:
        found = take_snapshot()
        return out.item_document(msgspec.to_builtins(found)), [_view("Kitaru status", found, _SHORT)]

    if watch:
        return show_until_interrupted(out, look, interval)
    document, view = look()
    out.document(document, *view)
    return 0


def info(
    *,
    all_: Annotated[bool, Parameter(name=["--all", "-a"], negative="")] = False,
    all_packages: Annotated[bool, Parameter(negative="")] = False,
    packages: Annotated[list[str] | None, Parameter(name=["--packages", "-p"], negative="")] = None,
    file: Annotated[Path | None, Parameter(name=["--file", "-f"])] = None,
    check: Annotated[bool, Parameter(negative="")] = False,
    output: OutputOption = "text",
) -> int:
    """Show everything about this installation, for people who look for a fault.

    Args:
        all_: With all packages, and where the active stack was set.
        all_packages: With the versions of all packages.
        packages: With the versions of these packages.
        file: Write it to a file: YAML where its name ends so, else JSON.
        check: Also read through the store for damage, and end with 1 when anything is wrong.
        output: text for people, json for programs.
    """
    found = take_snapshot(everything=all_, packages=None if all_ or all_packages else packages or ())
    from kitaru.journal.health import look_at  # loads sqlite3, which help does without

    store = look_at(found.local_stores_path, thoroughly=check)
    plugins = survey()
    problems = [*filter(None, (found.warning, found.log_store_warning)), *store.problems, *map(str, plugins.faults)]
    item = {
        **msgspec.to_builtins(found),
        "store": msgspec.to_builtins(store),
        "plugins": {one.name: one.version for one in plugins.plugins},
        "problems": problems,
    }
    out = Output("info", output)
    if file is None:
        out.item(item, _view("Kitaru info", found, _FULL), _store_view(store), _problems_view(problems, checked=check))
    else:
        kind = _write(file.expanduser(), item)
        out.item({"file": str(file), "format": kind}, Text(f"Wrote {file} ({kind})", overflow="fold"))
    return int(check and bool(problems))


def _store_view(store: StoreFacts) -> RenderableType:
    used = "-" if store.size_bytes is None else size_text(store.size_bytes)
    free = "" if store.free_bytes is None else f" ({size_text(store.free_bytes)} free on its disk)"
    rows = {"Kind": store.kind, "Disk use": used + free}
    if store.exists is False:
        rows["State"] = "not there yet; the first execution makes it"
    if store.schema_version is not None:
        rows["Schema version"] = f"{store.schema_version} (this program makes {store.known_schema_version})"
    if store.executions is not None:
        rows["Executions"] = str(store.executions)
        rows["Runners"] = f"{len(store.held)} at work, {len(store.lost)} lost"
    return Group(Text(""), Text("Store", style="bold"), _grid(rows))


def _problems_view(problems: list[str], *, checked: bool) -> RenderableType:
    if not problems:
        return Group(Text(""), Text("No problems found", style="green")) if checked else Group()
    lines = [Text(f"  {problem}", style="yellow") for problem in problems]
    return Group(Text(""), Text("Problems", style="bold"), *lines)


def _write(file: Path, content: dict[str, Any]) -> str:
    kind = "yaml" if file.suffix in {".yaml", ".yml"} else "json"
    data = msgspec.yaml.encode(content) if kind == "yaml" else msgspec.json.format(msgspec.json.encode(content)) + b"\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except OSError as error:
        msg = f"{file} cannot be written: {error}."
        raise KitaruUsageError(msg) from error
    return kind


def _view(title: str, found: Snapshot, labels: dict[str, str]) -> RenderableType:
    facts = {label: getattr(found, field) or "not available" for label, field in labels.items()}
    if found.log_store_warning:
        facts["Log store"] = found.log_store_status or ""
    if labels is _FULL:
        facts["System"] = " ".join(found.system_info.values())
    parts: list[RenderableType] = [Text(title, style="bold"), _grid(facts)]
    warnings = () if labels is _FULL else (found.warning, found.log_store_warning)
    parts += [Text(f"  Warning: {warning}", style="yellow") for warning in warnings if warning]
    sections = {
        "Environment": {item["name"]: item["value"] for item in found.environment},
        "Packages": found.packages or {},
    }
    for heading, rows in sections.items():
        if rows:
            parts += [Text(""), Text(heading, style="bold"), _grid(rows)]
    return Group(*parts)


def _grid(rows: dict[str, str]) -> Table:
    grid = Table.grid(padding=(0, 1))
    for label, value in rows.items():
        grid.add_row(Text(f"  {label}:", style="dim"), Text(value, overflow="fold"))
    return grid
