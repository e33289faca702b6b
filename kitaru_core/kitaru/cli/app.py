"""The frame of the program: its commands, how errors become exit codes, and where plugins add their own."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter

from kitaru.cli.output import OutputFormat, report_error
from kitaru.errors import KitaruError, KitaruPluginError, KitaruUsageError
from kitaru.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kitaru.hooks.manager import HookManager

__all__ = ["OutputOption", "build_app", "run"]

OutputOption = Annotated[OutputFormat, Parameter(name=["--output", "-o"], help="text for people, json for programs")]

_INTERRUPTED = 130


class _Group:
    """Where a plugin adds commands."""

    def __init__(self, app: App) -> None:
        self._app = app

    def command(self, target: object, *, name: str) -> None:
        """Add a command, or a whole group of them."""
        self._app.command(target, name=name)  # type: ignore[call-overload]  # a function or an App, as the hook says


def build_app() -> App:
    """Return the program with all commands, those of plugins included."""
    app = App(
        name="kitaru",
        help="Inspect and operate durable runs of AI agents.",
        version=__version__,
        version_flags=["--version", "-V"],
        help_flags=["--help", "-h"],
        result_action="return_value",
    )
    _manager().cli_commands(_Group(app))
    return app


def _manager() -> HookManager:
    """Return the manager; with a broken plugin one of our own plugins only, so that its user can look and answer."""
    from kitaru.hooks.loading import survey
    from kitaru.hooks.manager import HookManager, get_manager

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
    wanted = _wanted_format(arguments)
    command = _command_id(arguments)
    try:
        result = build_app()(list(arguments), exit_on_error=False, print_error=wanted == "text")
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


def _wanted_format(arguments: Sequence[str]) -> OutputFormat:
    for n, item in enumerate(arguments):
        name, equals, value = item.partition("=")
        if name in {"-o", "--output"}:
            text = value if equals else "".join(arguments[n + 1 : n + 2])
            return "json" if text.strip().casefold() == "json" else "text"
    return "text"


def _command_id(arguments: Sequence[str]) -> str:
    words = []
    for item in arguments[:3]:
        if not item.replace("-", "").isalpha() or item.startswith("-"):
            break
        words.append(item)
    return ".".join(words[:2])
