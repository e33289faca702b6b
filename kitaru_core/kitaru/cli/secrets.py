"""`kitaru secrets`: named values, kept encrypted."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.listing import PAGE_SIZE, page_of, show_lines
from kitaru.cli.output import Output
from kitaru.errors import KitaruRuntimeError, KitaruUsageError
from kitaru.records.plain import JsonObject
from kitaru.secrets import registry
from kitaru.secrets.api import SecretSummary

__all__ = ["delete", "list_secrets", "rekey", "set_secret", "show"]


Assignments = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]
Keys = Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=False, show_default=False)]


def set_secret(
    name: str,
    *assignments: Assignments,
    from_env: Keys = (),
    from_file: Keys = (),
    stdin: str | None = None,
    unset: Keys = (),
    private: bool | None = None,
    visibility: Literal["public", "private"] | None = None,
    output: OutputOption = "text",
) -> None:
    """Create a secret, or add and replace some of its values: kitaru secrets set NAME --KEY=value ...

    Values on the command line end up in the shell's history; the other ways to give them do not.

    Args:
        name: Its name.
        assignments: --KEY=value or --KEY value.
        from_env: KEY: take the value from the variable of that name.
        from_file: KEY=PATH: take the value from a file.
        stdin: KEY: read the value from standard input.
        unset: KEY: take the value out.
        private: Only its creator may use it, where a server tells people apart.
        visibility: The same in one word: `private`, or `public` (what a secret is unless something else is said).
        output: text for people, json for programs.
    """
    wanted = _wanted(private=private, visibility=visibility)
    values = _collect(
        [
            *_assigned(assignments),
            *((key, _from_environment(key)) for key in from_env),
            *(_from_file(item) for item in from_file),
            *([] if stdin is None else [(stdin, sys.stdin.read().rstrip("\n"))]),
        ]
    )
    if not (values or unset):
        msg = f"There is nothing to keep; give values, as in: kitaru secrets set {name} --API_KEY=value"
        raise KitaruUsageError(msg)
    exists = any(name in (summary.name, summary.id) for summary in registry.secret_store().summaries())
    if exists:
        summary = registry.update_secret(name, values, unset=unset)
    else:
        summary = registry.create_secret(name, values, private=bool(wanted))
    result = "updated" if exists else "created"
    printer = Output("secrets.set", output)
    if wanted is not None and wanted != summary.private:
        kept = "private" if summary.private else "public"
        printer.warn(f"{name!r} stays {kept}, as it was; who may use a secret is said when it is created.")
    printer.item({**_shape(summary), "result": result}, Text(f"{result.capitalize()} secret: {_line(summary)}"))


def _wanted(*, private: bool | None, visibility: str | None) -> bool | None:
    """Return whether a secret is to be private, `None` where nothing is said."""
    if visibility is None:
        return private
    if private is not None and private != (visibility == "private"):
        said = "--private" if private else "--no-private"
        msg = f"{said} and --visibility {visibility} contradict each other; leave one of them out."
        raise KitaruUsageError(msg)
    return visibility == "private"


def show(name: str, *, show_values: bool = False, output: OutputOption = "text") -> None:
    """Show a secret: its keys, and its values only if asked.

    Args:
        name: Its name or id.
        show_values: Whether to show the values.
        output: text for people, json for programs.
    """
    summary = next((one for one in registry.list_secrets() if name in (one.name, one.id)), None)
    if summary is None:
        registry.get_secret(name)  # says that there is none
        return
    values = _values(summary) if show_values else None
    lines = [f"Secret: {_line(summary)}"]
    lines += [f"  {key}{'' if values is None else ': ' + values[key]}" for key in summary.keys]
    Output("secrets.show", output).item({**_shape(summary), "values": values}, Text("\n".join(lines)))


def list_secrets(*, page: int = 1, size: int = PAGE_SIZE, output: OutputOption = "text") -> None:
    """List the secrets, without their values.

    Args:
        page: Which page, from 1.
        size: How many on a page.
        output: text for people, json for programs.
    """
    found = sorted(registry.list_secrets(), key=lambda summary: (summary.name.lower(), summary.id))
    shown = page_of(found, page, size)
    view = show_lines("Secrets", [_line(summary) for summary in shown], total=len(found), page=page, size=size)
    Output("secrets.list", output).items([_shape(summary) for summary in shown], view)


def delete(name: str, *, output: OutputOption = "text") -> None:
    """Delete a secret.

    Args:
        name: Its name or id.
        output: text for people, json for programs.
    """
    summary = registry.delete_secret(name)
    Output("secrets.delete", output).item({**_shape(summary), "result": "deleted"}, Text(f"Deleted secret: {name}"))


def rekey(*, output: OutputOption = "text") -> None:
    """Encrypt all secrets of this machine with a new key.

    Args:
        output: text for people, json for programs.
    """
    count = registry.rekey_secrets()
    Output("secrets.rekey", output).item({"secrets": count}, Text(f"Encrypted {count} secrets with a new key."))


def _assigned(tokens: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        key, separator, value = token.removeprefix("--").partition("=")
        if not token.startswith("--") or not key:
            msg = f"Values are given as --KEY=value; this is none: {token.partition('=')[0]!r}."
            raise KitaruUsageError(msg)
        if not separator:
            if not waiting or waiting[0].startswith("--"):
                msg = f"--{key} has no value; give it as --{key}=value."
                raise KitaruUsageError(msg)
            value = waiting.pop(0)
        found.append((key, value))
    return found


def _collect(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in pairs:
        if key in found:
            msg = f"The key {key!r} is given twice; give each key one value."
            raise KitaruUsageError(msg)
        found[key] = value
    return found


def _from_environment(key: str) -> str:
    value = os.environ.get(key)
    if not value:
        msg = f"The variable {key} is not set, so there is nothing to take from it."
        raise KitaruUsageError(msg)
    return value


def _from_file(item: str) -> tuple[str, str]:
    key, _, path = item.partition("=")
    if not key or not path:
        msg = f"--from-file takes KEY=PATH, not {item!r}."
        raise KitaruUsageError(msg)
    try:
        return key, Path(path).expanduser().read_text("utf-8").rstrip("\n")
    except (OSError, ValueError) as error:
        msg = f"The value of {key} cannot be read from {path}: {error}."
        raise KitaruUsageError(msg) from error


def _values(summary: SecretSummary) -> dict[str, str]:
    try:
        values = registry.get_secret(summary.id).values
    except KitaruRuntimeError:
        return dict.fromkeys(summary.keys, "unavailable")
    return {key: values[key] for key in summary.keys}


def _shape(summary: SecretSummary) -> JsonObject:
    return {
        "id": summary.id,
        "name": summary.name,
        "visibility": _visibility(summary),
        "keys": list(summary.keys),
        "has_missing_values": summary.has_missing_values,
    }


def _line(summary: SecretSummary) -> str:
    return f"{summary.name}: {summary.id} ({_visibility(summary)})"


def _visibility(summary: SecretSummary) -> str:
    return "private" if summary.private else "public"
