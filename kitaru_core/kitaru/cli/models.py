"""`kitaru model`: aliases for models."""

from __future__ import annotations

from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.listing import PAGE_SIZE, page_of, show_lines
from kitaru.cli.output import Output, plain_json
from kitaru.models import aliases

__all__ = ["default", "list_aliases", "register", "unregister"]


def register(alias: str, *, model: str, secret: str | None = None, output: OutputOption = "text") -> None:
    """Remember an alias; the first one becomes the default, and an existing one is replaced.

    Args:
        alias: The alias.
        model: What it stands for, as PROVIDER/MODEL.
        secret: Name or id of the secret that holds the credentials.
        output: text for people, json for programs.
    """
    entry = aliases.register_model_alias(alias, model=model, secret=secret)
    Output("model.register", output).item(plain_json(entry), Text(f"Registered model alias: {_line(entry)}"))


def list_aliases(*, page: int = 1, size: int = PAGE_SIZE, output: OutputOption = "text") -> None:
    """List the aliases that hold here.

    Args:
        page: Which page, from 1.
        size: How many on a page.
        output: text for people, json for programs.
    """
    found = aliases.list_model_aliases()
    shown = page_of(found, page, size)
    view = show_lines("Model aliases", [_line(entry) for entry in shown], total=len(found), page=page, size=size)
    Output("model.list", output).items([plain_json(entry) for entry in shown], view)


def default(alias: str, *, output: OutputOption = "text") -> None:
    """Make an alias the default one.

    Args:
        alias: The alias.
        output: text for people, json for programs.
    """
    entry = aliases.set_default_model_alias(alias)
    Output("model.default", output).item(plain_json(entry), Text(f"Default model alias: {_line(entry)}"))


def unregister(alias: str, *, output: OutputOption = "text") -> None:
    """Forget an alias.

    Args:
        alias: The alias.
        output: text for people, json for programs.
    """
    entry = aliases.unregister_model_alias(alias)
    Output("model.unregister", output).item(plain_json(entry), Text(f"Forgot model alias: {entry.alias}"))


def _line(entry: aliases.ModelAliasEntry) -> str:
    secret = f" (secret={entry.secret})" if entry.secret is not None else ""
    return f"{entry.alias}: {entry.model}{secret}{' [default]' if entry.is_default else ''}"
