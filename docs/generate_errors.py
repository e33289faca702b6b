"""Write `errors.md`: every error of `kitaru.errors`, and the messages that the code raises it with."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from pathlib import Path

from kitaru import errors

__all__ = ["render"]

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "errors.md"
SELF_EXPLAINING = frozenset({"KitaruUsageError"})
"""Errors that name a wrong argument; a list of all of them would help nobody."""
FEWEST_WORDS = 3
ROOTS = ("kitaru_core/kitaru", "adapters/kitaru_adapters", "plugins/kitaru_plugins")

HEAD = """\
<!-- Written by docs/generate_errors.py from kitaru.errors and the code; change those, then run `make pages`. -->

# Error catalogue

Everything kitaru raises on purpose derives from `kitaru.errors.KitaruError`. Each error is also the built-in exception
that fits, so `except ValueError` or `except TimeoutError` catch what one would expect. A message says what was tried,
why it cannot work and what to do instead. In the lists below `…` stands for a name or a value of yours: search for the
fixed part of a message you have met. Messages about wrong arguments (`KitaruUsageError`) say which argument, and are
not listed. What to do about the most frequent ones is told in [troubleshooting](guides/troubleshooting.md).

An error of your own code or of a framework leaves its checkpoint unchanged, so the flow can catch it by its own class.
Whoever waits for the run from outside gets `KitaruUserCodeError`, with that error as its cause.
"""


def render() -> str:
    """Return the page."""
    found = messages()
    kinds = [kind for name in errors.__all__ if _is_error(kind := getattr(errors, name))]
    ordered = sorted(kinds, key=lambda kind: (len(kind.__mro__), kind.__name__))
    return HEAD + "".join(_section(kind, found.get(kind.__name__, {})) for kind in ordered)


def messages() -> dict[str, dict[str, set[str]]]:
    """Return the messages of each error, and the rooms that raise them."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for root in ROOTS:
        top = DOCS.parent / root
        for file in sorted(top.rglob("*.py")):
            room = ".".join([top.name, *file.relative_to(top).parts[:1]]).removesuffix(".py")
            for name, message in _raised(ast.parse(file.read_text(encoding="utf-8"))):
                found[name][message].add(room)
    return found


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, errors.KitaruError)


def _section(kind: type[Exception], told: dict[str, set[str]]) -> str:
    parents = [parent.__name__ for parent in kind.__bases__]
    text = re.sub(r"^Attributes:\n", "**Attributes**\n\n", inspect.getdoc(kind) or "", flags=re.MULTILINE)
    text = re.sub(r"^ {4}(\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
    lines = [f"\n## `{kind.__name__}`\n", f"Derives from {' and '.join(f'`{name}`' for name in parents)}.\n", text]
    if told:
        lines.append("\n**Messages**\n")
        lines += [f"- {_quoted(message)} *({', '.join(sorted(rooms))})*" for message, rooms in sorted(told.items())]
    return "\n".join(lines) + "\n"


def _quoted(message: str) -> str:
    return f"`` {message} ``" if "`" in message else f"`{message}`"


def _raised(module: ast.Module) -> list[tuple[str, str]]:
    """Return name and message of everything raised with a message of its own."""
    found = []
    for function in ast.walk(module):
        body = getattr(function, "body", None)
        if not isinstance(body, list):
            continue
        named: dict[str, str] = {}
        for statement in body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                text = _text(statement.value)
                if text:
                    named[statement.targets[0].id] = text
            if isinstance(statement, ast.Raise | ast.Return):
                found += _message(statement, named)
    return found


def _message(statement: ast.Raise | ast.Return, named: dict[str, str]) -> list[tuple[str, str]]:
    call = statement.exc if isinstance(statement, ast.Raise) else statement.value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or not call.args:
        return []
    if not _is_error(getattr(errors, call.func.id, None)) or call.func.id in SELF_EXPLAINING:
        return []
    first = call.args[0]
    text = named.get(first.id, "") if isinstance(first, ast.Name) else _text(first)
    return [(call.func.id, text)] if len(re.findall(r"[A-Za-z]{2,}", text)) > FEWEST_WORDS else []


def _text(node: ast.expr) -> str:
    """Return a string as far as it is fixed; everything that is filled in becomes an ellipsis."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
        return " ".join("".join(str(part) for part in parts).split())
    return ""


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
