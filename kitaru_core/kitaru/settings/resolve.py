"""Which setting of an execution wins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kitaru.errors import KitaruUsageError

__all__ = ["ExecutionSettings", "resolve_execution_settings"]

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSettings:
    """The settings of one execution, frozen when it starts.

    Attributes:
        stack: Where it runs.
        cache: Whether checkpoints may take values from the result cache; `None` leaves it to each checkpoint.
        retries: Flow-level retries.
        run_mode: `thread` or `inline`.
        strict: Whether drift is an error.
        max_concurrency: Calls beside the body at once; `None` for the default.
        image: Image settings.
    """

    stack: str = "default"
    cache: bool | None = None
    retries: int = 0
    run_mode: str = "thread"
    strict: bool = False
    max_concurrency: int | None = None
    image: object = None

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as they are recorded with the execution."""
        return {
            "stack": self.stack,
            "cache": self.cache,
            "retries": self.retries,
            "max_concurrency": self.max_concurrency,
        }


def resolve_execution_settings(given: Mapping[str, Any], decorated: Mapping[str, Any]) -> ExecutionSettings:
    """Merge the layers of settings, highest first: the call, the decorator, the environment, the defaults.

    Args:
        given: What the call says.
        decorated: What the decorator says.

    Raises:
        KitaruUsageError: A value of the environment cannot be.
    """
    return ExecutionSettings(**{**_environment(), **decorated, **given})


def _environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    mode = os.environ.get("KITARU_RUN_MODE", "").strip().casefold()
    if mode not in {"", "thread", "inline"}:
        msg = f"KITARU_RUN_MODE must be thread or inline, not {mode!r}."
        raise KitaruUsageError(msg)
    if mode:
        found["run_mode"] = mode
    if (strict := flag("KITARU_STRICT_REPLAY")) is not None:
        found["strict"] = strict
    if (cache := flag("KITARU_CACHE")) is not None:
        found["cache"] = cache
    if retries := os.environ.get("KITARU_RETRIES", "").strip():
        if not retries.isdigit():
            msg = f"KITARU_RETRIES must be a whole number of at least 0, not {retries!r}."
            raise KitaruUsageError(msg)
        found["retries"] = int(retries)
    return found


def flag(name: str) -> bool | None:
    """Read a switch from the environment.

    Raises:
        KitaruUsageError: Its value is neither a yes nor a no.
    """
    text = os.environ.get(name, "").strip().casefold()
    if not text:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    msg = f"{name} must be a yes or a no (1/true/yes/on or 0/false/no/off), not {text!r}."
    raise KitaruUsageError(msg)
