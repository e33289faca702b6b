"""The frame of the program: its commands, how errors become exit codes, and where plugins add their own."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from kitaru.cli.arguments import OutputOption, clean_format
from kitaru.cli.command_table import COMMANDS, LazyCommand
from kitaru.cli.output import OutputFormat, report_error
from kitaru.errors import KitaruError, KitaruPluginError, KitaruUsageError
from kitaru.hooks.loading import survey
from kitaru.hooks.manager import HookManager, get_manager
from kitaru.version import __version__

__all__ = ["Commands", "OutputOption", "build_app", "run"]

_INTERRUPTED = 130
_GROUPS_OF_THE_SERVER = {"flow": ("deployments",), "auth": ("service-accounts", "api-keys")}


class Commands:
    """Where commands are added, our own and those of plugins."""

    def __init__(self, app: App) -> None:
        self._app = app

    def command(self, target: object, *, name: str) -> None:
        """Add a command, or a whole group of them."""
        if isinstance(target, LazyCommand):
            target.add_to(self._app, name)
        else:
            self._app.command(target, name=name)  # type: ignore[call-overload]  # a function or an App, as the hook says


def build_app() -> App:
    """Return the program with all commands, those of plugins included."""
    app = App(
        name="kitaru",
        help="Inspect and operate durable runs of AI agents.",
        version=__version__,
        version_flags=["--version", "-V"],
        help_flags=["--help", "-h"],
        help_format="plaintext",  # the texts are plain, and rendering Markdown would double the start-up time
        result_action="return_value",
    )
    _manager().cli_commands(Commands(app))
    return app


def _manager() -> HookManager:
    """Return the manager; with a broken plugin one of our own plugins only, so that its user can look and answer."""
    try:
        return get_manager()
    except KitaruPluginError as error:
        sys.stderr.write(f"Plugins are left out: {error}\n")
        manager = HookManager()
        manager.add(survey({**os.environ, "KITARU_PLUGINS_AUTOLOAD": "0"}).parts)
        return manager


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The exit code.
    """
    command = _command_id(arguments)
    wanted: OutputFormat = "text"
    try:
        cleaned, wanted = clean_format(arguments)
        command = _command_id(cleaned)
        result = build_app()(cleaned, exit_on_error=False, print_error=wanted == "text")
    except CycloptsError as error:
        if wanted == "json":
            report_error(command, KitaruUsageError(str(error)), wanted)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    except KitaruError as error:
        report_error(command, error, wanted)
        return 1
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last place where an error can be told decently
        if os.environ.get("KITARU_DEBUG", "") not in {"", "0"}:
            traceback.print_exc(file=sys.stderr)
        report_error(command, error, wanted)
        return 1
    return result if isinstance(result, int) else 0


def _command_id(arguments: Sequence[str]) -> str:
    words: list[str] = []
    for item in arguments:
        if item.startswith("-") or len(words) == _depth(words):
            break
        words.append(item)
    return ".".join(words)


def _depth(words: Sequence[str]) -> int:
    """Return of how many words a command that begins like this consists."""
    if not words or words[0] not in COMMANDS:
        return 2
    if words[0] not in _GROUPS_OF_THE_SERVER:
        return 1
    return 3 if words[1:] and words[1] in _GROUPS_OF_THE_SERVER[words[0]] else 2
