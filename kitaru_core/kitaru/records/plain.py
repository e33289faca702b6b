"""JSON data after it was decoded, when anybody may have written it; whoever takes it apart checks what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

__all__ = ["Json", "JsonMapping", "JsonObject"]

Json: TypeAlias = Any
"""A value of JSON."""

JsonObject: TypeAlias = dict[str, Any]
"""An object of JSON."""

JsonMapping: TypeAlias = Mapping[str, Any]
"""An object of JSON that is only read."""
