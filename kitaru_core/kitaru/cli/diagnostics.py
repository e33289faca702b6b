"""`kitaru status` and `kitaru info`: what kitaru works with here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.snapshot import Snapshot, take_snapshot
from kitaru.errors import KitaruUsageError

__all__ = ["info", "status"]

_SHORT = {
    "SDK version": "sdk_version",
    "Connection": "connection",
    "Store": "connection_target",
    "Active stack": "active_stack",
    "Config directory": "config_directory",
}
_FULL = _SHORT | {
    "Project": "repository_root",
    "Settings file": "kitaru_global_config_path",
    "Python": "python_version",
    "Environment type": "environment_type",
}


def status(*, output: OutputOption = "text") -> None:
    """Show in short what kitaru works with here.

    Args:
        output: text for people, json for programs.
    """
    found = take_snapshot()
    Output("status", output).item(msgspec.to_builtins(found), _view("Kitaru status", found, _SHORT))


def info(
    *,
    all_: Annotated[bool, Parameter(name=["--all", "-a"], negative="")] = False,
    all_packages: Annotated[bool, Parameter(negative="")] = False,
    packages: Annotated[list[str] | None, Parameter(name=["--packages", "-p"], negative="")] = None,
    file: Annotated[Path | None, Parameter(name=["--file", "-f"])] = None,
    output: OutputOption = "text",
) -> None:
    """Show everything about this installation, for people who look for a fault.

    Args:
        all_: With all packages, and where the active stack was set.
        all_packages: With the versions of all packages.
        packages: With the versions of these packages.
        file: Write it to a file: YAML where its name ends so, else JSON.
        output: text for people, json for programs.
    """
    found = take_snapshot(everything=all_, packages=None if all_ or all_packages else packages or ())
    out = Output("info", output)
    if file is None:
        out.item(msgspec.to_builtins(found), _view("Kitaru info", found, _FULL))
        return
    kind = _write(file.expanduser(), msgspec.to_builtins(found))
    out.item({"file": str(file), "format": kind}, Text(f"Wrote {file} ({kind})"))


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
    if labels is _FULL:
        facts["System"] = " ".join(found.system_info.values())
    parts: list[RenderableType] = [Text(title, style="bold"), _grid(facts)]
    warnings = (found.warning, found.log_store_warning)
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
