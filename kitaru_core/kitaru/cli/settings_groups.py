"""The commands about settings; their code is imported when one of them is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cyclopts import App

if TYPE_CHECKING:
    from kitaru.hooks.facts import CommandGroup

__all__ = ["add_settings_commands"]

_GROUPS: Final = {
    "stack": (
        "Choose where executions run.",
        "kitaru.cli.stacks",
        {
            "list": ("list_stacks", "List the stacks."),
            "current": ("current", "Show the active stack."),
            "use": ("use", "Make a stack the active one."),
            "create": ("create", "Create a local stack."),
            "delete": ("delete", "Forget a stack; nothing outside of kitaru is deleted."),
        },
    ),
    "model": (
        "Keep aliases for models.",
        "kitaru.cli.models",
        {
            "register": (
                "register",
                "Remember an alias; the first one becomes the default, and an existing one is replaced.",
            ),
            "list": ("list_aliases", "List the aliases that hold here."),
            "default": ("default", "Make an alias the default one."),
            "unregister": ("unregister", "Forget an alias."),
        },
    ),
    "secrets": (
        "Keep named values encrypted.",
        "kitaru.cli.secrets",
        {
            "set": ("set_secret", "Create a secret, or change some of its values; NAME --KEY=value ..."),
            "show": ("show", "Show a secret."),
            "list": ("list_secrets", "List the secrets, without their values."),
            "delete": ("delete", "Delete a secret."),
            "rekey": ("rekey", "Encrypt all secrets of this machine with a new key."),
        },
    ),
    "log-store": (
        "Say where runtime logs go.",
        "kitaru.cli.preferences",
        {
            "set": ("set_log_store", "Remember where runtime logs are to go."),
            "show": ("show_log_store", "Show where runtime logs go."),
            "reset": ("reset_log_store", "Forget what was set."),
        },
    ),
    "analytics": (
        "Nothing is collected; see for yourself.",
        "kitaru.cli.preferences",
        {
            "status": ("status", "Say that nothing is collected."),
            "opt-in": ("opt_in", "Keep the preference; nothing is collected all the same."),
            "opt-out": ("opt_out", "Keep the preference; nothing is collected anyway."),
        },
    ),
}


def add_settings_commands(cli: CommandGroup) -> None:
    """Add the commands.

    Args:
        cli: Where to add them.
    """
    for name, (text, module, commands) in _GROUPS.items():
        group = App(name=name, help=text, result_action="return_value")
        for word, (function, meaning) in commands.items():
            group.command(f"{module}:{function}", name=word, help=meaning)
        cli.command(group, name=name)
