"""Hiding the values of environment variables whose names say that they are secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kitaru.artifacts.redaction import is_secret_name

__all__ = ["MASK", "mask_variables"]

MASK: Final = "***"
"""What stands in place of a value; it says nothing about it, not even its length."""

# Wider than what is cut out of texts: here a value hidden for nothing costs nobody anything.
_WORDS: Final = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH")


def mask_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with the values of those that look secret masked.

    Args:
        variables: Values by name.
    """
    return {name: MASK if _looks_secret(name) else value for name, value in variables.items()}


def _looks_secret(name: str) -> bool:
    return any(word in name.upper() for word in _WORDS) or is_secret_name(name)
