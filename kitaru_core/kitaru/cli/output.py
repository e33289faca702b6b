"""What the program prints: one JSON document for programs, or text that reads well for people.

In JSON, standard output carries the document and nothing else: `{"command", "item"}` for one thing, `{"command",
"items", "count"}` for a list. Errors are one JSON object on standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from kitaru.records.plain import JsonObject

__all__ = ["Output", "OutputFormat", "plain_json"]

OutputFormat = Literal["text", "json"]

_PIPED_WIDTH = 120


def plain_json(value: object) -> Any:  # noqa: ANN401 - JSON-ready data
    """Turn a value into JSON-ready data: times as ISO text, sets as sorted lists, anything unknown as its `repr`."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain_json(item) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain_json(item) for item in value]
    try:
        return msgspec.to_builtins(value)
    except (TypeError, msgspec.ValidationError):
        return repr(value)


@dataclass(frozen=True, slots=True)
class Output:
    """Prints the results of one command.

    Attributes:
        command: Dotted id of the command, such as `executions.list`.
        format: `text` or `json`.
    """

    command: str
    format: OutputFormat = "text"

    @property
    def is_json(self) -> bool:
        """Whether a program reads."""
        return self.format == "json"

    def item(self, item: Mapping[str, Any], *view: RenderableType) -> None:
        """Print one thing.

        Args:
            item: The thing, for a program.
            *view: The same for a person.
        """
        self.document(self.item_document(item) if self.is_json else {}, *view)

    def item_document(self, item: Mapping[str, Any]) -> JsonObject:
        """Return the document of one thing."""
        return {"command": self.command, "item": plain_json(item)}

    def items(self, items: Sequence[Mapping[str, Any]], *view: RenderableType) -> None:
        """Print a list.

        Args:
            items: The things, for a program.
            *view: The same for a person.
        """
        self.document(self.items_document(items) if self.is_json else {}, *view)

    def items_document(self, items: Sequence[Mapping[str, Any]]) -> JsonObject:
        """Return the document of a list."""
        found = [plain_json(item) for item in items]
        return {"command": self.command, "items": found, "count": len(found)}

    def document(self, document: JsonObject, *view: RenderableType) -> None:
        """Print a whole document, or the view of it.

        Args:
            document: For a program.
            *view: For a person.
        """
        if self.is_json:
            sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
        else:
            self.show(*view)

    def show(self, *view: RenderableType) -> None:
        """Print something for a person; nothing when a program reads."""
        if not self.is_json:
            for part in view:
                console().print(part)

    def warn(self, text: str) -> None:
        """Print a warning on standard error."""
        sys.stderr.write(f"Warning: {text}\n")


def console(*, stderr: bool = False) -> Console:
    """Return where people read: styled on a terminal, plain in a pipe or with `NO_COLOR`."""
    from kitaru.cli.harmless_console import HarmlessConsole

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _piped_width()
    return HarmlessConsole(file=stream, width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)


def _piped_width() -> int:
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isascii() and given.isdigit() and int(given) else _PIPED_WIDTH


def report_error(command: str, error: BaseException, output_format: OutputFormat) -> None:
    """Print an error on standard error.

    Args:
        command: Dotted id of the command.
        error: The error.
        output_format: `text` or `json`.
    """
    message = str(error) or type(error).__name__
    if output_format == "json":
        body = {"command": command, "error": {"message": message, "type": type(error).__name__}}
        sys.stderr.write(msgspec.json.encode(body).decode() + "\n")
        return
    from rich.text import Text

    # In a pipe a message is one line, which can be searched for; only a terminal has an edge to break it at.
    text = Text.assemble(("Error: ", "bold red"), message)
    console(stderr=True).print(text, soft_wrap=not sys.stderr.isatty())
