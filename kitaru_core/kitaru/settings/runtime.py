"""Defaults of this process, set in code by `configure()`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from kitaru.settings.config import KitaruConfig, layer
from kitaru.settings.image import ImageSettings

__all__ = ["configure", "runtime_config"]


class _Unset(Enum):
    UNSET = "unset"

    def __repr__(self) -> str:
        return "<unset>"


_UNSET: Final = _Unset.UNSET
_lock = threading.Lock()
_current = KitaruConfig()


def configure(  # noqa: PLR0913 - one keyword for each setting
    *,
    stack: str | _Unset | None = _UNSET,
    image: str | Mapping[str, object] | ImageSettings | _Unset | None = _UNSET,
    cache: bool | _Unset | None = _UNSET,
    retries: int | _Unset | None = _UNSET,
    llm_estimated_costs: str | bool | _Unset | None = _UNSET,
    project: str | _Unset | None = _UNSET,
    durability: str | _Unset | None = _UNSET,
    run_mode: str | _Unset | None = _UNSET,
    max_concurrency: int | _Unset | None = _UNSET,
) -> KitaruConfig:
    """Set defaults for this process; executions started from now on use them.

    An argument that is left out keeps what was set before, and `None` clears it.

    Args:
        stack: Name or id of the stack to run on.
        image: Image settings: a base image, a mapping of fields, or `ImageSettings`.
        cache: Whether checkpoints may take values from the result cache.
        retries: How often a failure of a flow's body is retried at once.
        llm_estimated_costs: `auto` estimates costs of model calls from the price table, `off` does not.
        project: Project on the server.
        durability: `power` or `process`; for journals opened from now on.
        run_mode: `thread`, or `inline` to run a flow's body on the caller's thread.
        max_concurrency: How many submitted checkpoints of an execution run at once.

    Returns:
        What is set in this process now.

    Raises:
        KitaruUsageError: A value is wrong; nothing has changed.
    """
    given = {
        "stack": stack,
        "image": image,
        "cache": cache,
        "retries": retries,
        "llm_estimated_costs": llm_estimated_costs,
        "project": project,
        "durability": durability,
        "run_mode": run_mode,
        "max_concurrency": max_concurrency,
    }
    changes = {field: value for field, value in given.items() if value is not _UNSET}
    checked = layer(changes, lambda field: f"configure({field}=)")
    global _current  # noqa: PLW0603 - the defaults belong to the process
    with _lock:
        _current = msgspec.structs.replace(_current, **{field: getattr(checked, field) for field in changes})
        return _current


def runtime_config() -> KitaruConfig:
    """Return what `configure()` has set in this process."""
    return _current
