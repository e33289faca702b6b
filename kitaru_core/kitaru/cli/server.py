"""The commands that come with the server: they say so, instead of being unknown."""

from __future__ import annotations

from typing import Annotated, NoReturn

from cyclopts import Parameter
from rich.text import Text

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.errors import KitaruFeatureNotAvailableError
from kitaru.settings.connection import forget_connection, resolve_connection_config

__all__ = ["auth", "build", "deploy", "flow", "invoke", "login", "logout"]

Given = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]


def login(*given: Given) -> NoReturn:
    """Connect to a kitaru server; comes with the server."""
    _refuse("login", given, "Without a server everything works in the store of this machine; see `kitaru status`.")


def build(*given: Given) -> NoReturn:
    """Build a flow version; comes with the server."""
    _refuse("build", given, "Start the flow from Python with `.run(...)`.")


def deploy(*given: Given) -> NoReturn:
    """Deploy a flow version; comes with the server."""
    _refuse("deploy", given, "Start the flow from Python with `.run(...)`.")


def invoke(*given: Given) -> NoReturn:
    """Start a deployed flow; comes with the server."""
    _refuse("invoke", given, "Start the flow from Python with `.run(...)`.")


def flow(*given: Given) -> NoReturn:
    """Look at deployed flows; comes with the server."""
    _refuse("flow", given, "`kitaru executions list --flow NAME` shows the executions of a flow.")


def auth(*given: Given) -> NoReturn:
    """Tokens and service accounts; comes with the server."""
    _refuse("auth", given, "The store of this machine needs no token.")


def _refuse(command: str, given: tuple[str, ...], instead: str) -> NoReturn:
    verb = [word for word in given[:1] if not word.startswith("-")] if command in {"flow", "auth"} else []
    msg = f"`kitaru {' '.join([command, *verb])}` needs the kitaru server, which this installation does not have. "
    raise KitaruFeatureNotAvailableError(msg + instead)


def logout(*, output: OutputOption = "text") -> None:
    """Forget the remembered connection to a server.

    Args:
        output: text for people, json for programs.
    """
    target = resolve_connection_config().server_url
    forgotten = forget_connection()
    item = {
        "mode": "remote_server" if forgotten else "local_store",
        "target": target,
        "local_fallback_available": True,
        "local_server_stopped": False,
    }
    done = f"Forgot the connection to {target}" if forgotten else "No connection was remembered."
    Output("logout", output).item(item, Text(done))
