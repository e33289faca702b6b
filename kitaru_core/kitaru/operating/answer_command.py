"""The command that answers a wait, with an example of a value that its schema takes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from kitaru.operating.models import PendingWait

__all__ = ["answer_command"]

_EXAMPLES: Final = {
    "boolean": "true",
    "integer": "1",
    "number": "1.5",
    "string": "'\"text\"'",
    "array": "'[...]'",
    "object": "'{...}'",
}


def answer_command(execution_id: str, wait: PendingWait) -> str:
    """Return a command to copy, in which only the value may have to be another one.

    Args:
        execution_id: The execution that waits.
        wait: What it waits for.
    """
    return f"kitaru executions input {execution_id} --wait {shlex.quote(wait.name)} --value {_example(wait.schema)}"


def _example(schema: Mapping[str, Any] | None) -> str:
    if schema is None:
        return "null"  # a gate
    if schema.get("enum"):
        return shlex.quote(msgspec.json.encode(schema["enum"][0]).decode())
    return _EXAMPLES.get(str(schema.get("type", "")), "JSON")
