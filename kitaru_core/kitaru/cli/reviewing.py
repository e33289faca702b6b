"""Reviewing open waits on a terminal: each is shown, and a person says what to do with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from kitaru.cli import views
from kitaru.cli.continuing import in_worker, is_left_alone
from kitaru.cli.output import console
from kitaru.errors import KitaruError, KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kitaru.operating.client import KitaruClient
    from kitaru.operating.models import PendingWait

__all__ = ["review"]

_ACTIONS = {"c": "continue", "s": "skip", "q": "quit"}


class _AsJson(Exception):  # noqa: N818 - a person's wish, no error
    """Somebody wants to type JSON instead of answering a typed question."""


def review(client: KitaruClient, exec_id: str | None, *, resume: bool) -> int:
    """Go through open waits and ask for each what to do.

    Args:
        client: Where they are.
        exec_id: Only those of this execution.
        resume: Whether to go on at once with an execution that nothing holds any more.

    Returns:
        0, or 1 when an answer could not be given.

    Raises:
        KitaruUsageError: There is no terminal to ask on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        msg = "--interactive needs a terminal; give one answer with EXEC_ID --value JSON instead."
        raise KitaruUsageError(msg)
    pending = _newest_first(client) if exec_id is None else client.executions.pending_waits(exec_id)
    if not pending:
        console().print("Nothing waits for an answer.")
    failed = False
    for n, wait in enumerate(pending, 1):
        _show(client, wait, f"[{n}/{len(pending)}]")
        action = _action()
        if action == "quit":
            break
        if action == "continue":
            failed |= not _answered(client, wait, resume=resume)
    return int(failed)


def _newest_first(client: KitaruClient) -> list[PendingWait]:
    found: dict[str, list[PendingWait]] = {}
    for wait in client.waits.list():
        found.setdefault(wait.exec_id, []).append(wait)
    return [wait for waits in reversed(found.values()) for wait in waits]


def _show(client: KitaruClient, wait: PendingWait, place: str) -> None:
    out = console()
    out.print(Rule(Text(f"{place} {wait.name}", style="bold"), align="left"))
    facts = {
        "Execution": wait.exec_id,
        "Flow": wait.flow_name or "-",
        "Status": str(client.executions.get(wait.exec_id).status),
        "Wait name": wait.name,
        "Wait ID": wait.wait_id,
        "Question": wait.question or "not provided",
        "Waiting since": views.since(wait.entered_waiting_at),
    }
    for label, value in facts.items():
        out.print(Text.assemble((f"  {label}: ", "dim"), value))
    if wait.schema is None:
        out.print(Text("  Schema: not provided; any answer continues", style="dim"))
        return
    out.print(Text("  Schema:", style="dim"))
    text = msgspec.json.format(msgspec.json.encode(wait.schema), indent=2).decode()
    out.print(Syntax(text, "json", background_color="default", theme="ansi_dark", padding=(0, 4)))


def _action() -> str:
    while True:
        try:
            text = input("[c]ontinue, [s]kip or [q]uit: ").strip().casefold()
        except EOFError:
            console().print()
            return "quit"
        if text in _ACTIONS or text in _ACTIONS.values():
            return _ACTIONS.get(text, text)
        console().print(f"{text!r} is none of them.", style="yellow")


def _answered(client: KitaruClient, wait: PendingWait, *, resume: bool) -> bool:
    out = console()
    try:
        execution = client.executions.input(wait.exec_id, wait=wait.wait_id, value=_value(wait.schema))
        alone = is_left_alone(execution)
        if resume and alone:
            execution = in_worker("resume", wait.exec_id, wait=False)
    except EOFError:
        out.print()
        return True
    except KitaruError as error:
        out.print(Text.assemble(("Error: ", "bold red"), str(error)))
        return False
    details = [f"Status: {execution.status}"]
    if alone and not resume:
        details.append(f"To go on: kitaru executions resume {wait.exec_id}")
    out.print(views.success(f"Resolved wait input for execution: {wait.exec_id}", *details))
    return True


def _value(schema: Mapping[str, Any] | None) -> object:
    kind = (schema or {}).get("type")
    choices = (schema or {}).get("enum")
    try:
        if choices:
            return _choice(choices)
        if kind == "boolean":
            return _yes_or_no()
        if kind == "string":
            return _line("Text (j for JSON): ")
    except _AsJson:
        pass
    return _typed_json()


def _line(prompt: str) -> str:
    text = input(prompt).strip()
    if text == "j":
        raise _AsJson
    return text


def _choice(choices: Sequence[object]) -> object:
    for n, choice in enumerate(choices, 1):
        console().print(Text(f"  {n}  {choice}"))
    while True:
        text = _line("Number (j for JSON): ")
        if text.isascii() and text.isdigit() and 1 <= int(text) <= len(choices):
            return choices[int(text) - 1]
        console().print(f"A number from 1 to {len(choices)}, please.", style="yellow")


def _yes_or_no() -> bool:
    while True:
        text = _line("Yes or no? [y/n] (j for JSON): ").casefold()
        if text in {"y", "yes", "true"}:
            return True
        if text in {"n", "no", "false"}:
            return False
        console().print("y or n, please.", style="yellow")


def _typed_json() -> object:
    while True:
        text = input("JSON value (empty for null): ").strip()
        try:
            return msgspec.json.decode(text) if text else None
        except msgspec.DecodeError as error:
            console().print(Text(f"That is no JSON: {error}", style="yellow"))
