"""`kitaru artifacts`: the values that executions have stored."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group
from rich.syntax import Syntax
from rich.text import Text

from kitaru.cli.access import open_client
from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output, plain_json
from kitaru.cli.shapes import artifact_shape
from kitaru.errors import KitaruDecodingError

__all__ = ["get", "list_artifacts"]


def list_artifacts(
    exec_id: str,
    *,
    name: str | None = None,
    kind: str | None = None,
    producing_call: str | None = None,
    limit: int | None = None,
    output: OutputOption = "text",
) -> None:
    """List the stored values of an execution, in the order of its calls.

    Args:
        exec_id: The execution.
        name: Only of this name.
        kind: Only of this kind.
        producing_call: Only of this checkpoint.
        limit: Only the first N.
        output: text for people, json for programs.
    """
    found = open_client().artifacts.list(exec_id, name=name, kind=kind, producing_call=producing_call, limit=limit)
    lines = [Text("Artifacts", style="bold")]
    for one in found:
        about = "  ".join(part for part in (one.kind, one.save_type, one.producing_call) if part)
        lines.append(Text.assemble("  ", (one.artifact_id, "dim"), f"\n    {one.name}", (f"  {about}", "dim")))
    if not found:
        lines.append(Text("  artifacts: none found"))
    Output("artifacts.list", output).items([artifact_shape(one) for one in found], Group(*lines))


def get(artifact_id: str, *, output: OutputOption = "text") -> None:
    """Show a stored value.

    Args:
        artifact_id: The value's id.
        output: text for people, json for programs.
    """
    artifact = open_client().artifacts.get(artifact_id)
    readable = artifact.readable()
    shape = {**artifact_shape(artifact), **_value(readable), "value_type": _type(artifact.load)}
    text = msgspec.json.format(msgspec.json.encode(shape["value"]), indent=2).decode()
    head = Text.assemble((artifact.name, "bold"), (f"  {shape['value_type']}  {artifact.content_type}", "dim"))
    view = Group(head, Syntax(text, "json", background_color="default", theme="ansi_dark", word_wrap=True))
    Output("artifacts.get", output).item(shape, view)


def _value(readable: object) -> dict[str, Any]:
    try:
        return {"value": msgspec.to_builtins(readable), "value_format": "json"}
    except (TypeError, ValueError):
        return {"value": plain_json(readable), "value_format": "repr"}


def _type(load: Any) -> str | None:  # noqa: ANN401 - whatever gives the value
    try:
        kind = type(load())
    except KitaruDecodingError:
        return None  # its class is not loaded here; the readable value is shown all the same
    return f"{kind.__module__}.{kind.__qualname__}"
