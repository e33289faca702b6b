"""JSON schemas in the narrower form that some providers can hold a model to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["closed"]

_BEYOND: Final = frozenset({"allOf", "dependentRequired", "if", "not", "patternProperties", "prefixItems"})
_DROPPED: Final = frozenset({"default", "discriminator"})
_NAMED: Final = ("properties", "$defs", "definitions")
_LISTED: Final = ("anyOf", "oneOf")


def closed(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a schema in which every object has exactly the properties that are named, all of them required.

    Args:
        schema: The schema; it stays as it is.

    Returns:
        The closed schema, or `None` when it cannot be closed, as that of a mapping with keys of any name.
    """
    try:
        return _closed(schema)
    except _OpenError:
        return None


class _OpenError(Exception):
    """A schema takes what a closed one cannot name."""


def _closed(node: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        # Nothing may stand beside a reference but the definitions that it refers to.
        rest = {name: node[name] for name in ("$defs", "definitions") if name in node}
        return {"$ref": node["$ref"], **(_closed(rest) if rest else {})}
    if node.keys() & _BEYOND or node.get("additionalProperties", False) is not False:
        raise _OpenError
    found = {name: value for name, value in node.items() if name not in _DROPPED}
    for name in _NAMED:
        if name in found:
            found[name] = {key: _closed(_known(one)) for key, one in found[name].items()}
    for name in _LISTED:
        if name in found:
            found["anyOf"] = [_closed(_known(one)) for one in found.pop(name)]
    if "items" in found:
        found["items"] = _closed(_known(found["items"]))
    if found.get("type") == "object":
        if "properties" not in found:
            raise _OpenError
        found |= {"additionalProperties": False, "required": list(found["properties"])}
    return found


def _known(node: object) -> Mapping[str, Any]:
    """Return a schema that says something; `True` and `{}` take whatever there is."""
    if not isinstance(node, Mapping) or not node.keys() & {"type", "$ref", "anyOf", "oneOf", "enum", "const"}:
        raise _OpenError
    return node
