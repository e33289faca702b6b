"""`kitaru model`: aliases for models."""

from __future__ import annotations

import time
from typing import Final

from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.listing import PAGE_SIZE, page_of, show_lines
from kitaru.cli.output import Output, plain_json
from kitaru.cli.views import success
from kitaru.models import aliases
from kitaru.models.api import ModelRequest
from kitaru.models.credentials import find_credentials
from kitaru.models.providers import find_provider

__all__ = ["call", "default", "list_aliases", "register", "show", "unregister"]

_GREETING: Final = {"role": "user", "content": "Say hello in one word."}


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


def show(alias: str, *, output: OutputOption = "text") -> None:
    """Show what an alias stands for.

    Args:
        alias: The alias.
        output: text for people, json for programs.
    """
    entry = aliases.find_model_alias(alias)
    lines = [
        f"Model alias: {entry.alias}{' [default]' if entry.is_default else ''}",
        f"  Model: {entry.model}",
        f"  Secret: {entry.secret or 'none; credentials come from the environment'}",
    ]
    Output("model.show", output).item(plain_json(entry), Text("\n".join(lines)))


def call(model: str | None = None, *, output: OutputOption = "text") -> None:
    """Call a model once, with a few words, to see that it answers; nothing is recorded.

    Args:
        model: An alias, or PROVIDER/MODEL; by default the one that `llm()` would call.
        output: text for people, json for programs.
    """
    selection = aliases.resolve_model_selection(model)
    target = find_provider(selection)
    credentials = find_credentials(target.client, selection)
    request = ModelRequest(model=target.model, messages=[_GREETING], credentials=credentials.values)
    began = time.perf_counter()
    reply = target.call(request)
    took = time.perf_counter() - began
    item = {
        "model": selection.resolved_model,
        "alias": selection.alias,
        "credential_source": credentials.source,
        "answer": reply.text,
        "seconds": round(took, 3),
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
    }
    view = success(f"{selection.resolved_model} answered in {took:.1f} s", reply.text.strip().partition("\n")[0])
    Output("model.test", output).item(item, view)


def _line(entry: aliases.ModelAliasEntry) -> str:
    secret = f" (secret={entry.secret})" if entry.secret is not None else ""
    return f"{entry.alias}: {entry.model}{secret}{' [default]' if entry.is_default else ''}"
