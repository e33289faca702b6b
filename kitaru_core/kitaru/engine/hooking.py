"""Where the engine meets the hooks: loaded once, and skipped when no plugin listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitaru.hooks.manager import HookManager

__all__ = ["boundary_hooks", "reset"]

_loaded = False
_manager: HookManager | None = None


def boundary_hooks() -> HookManager | None:
    """Return the hook manager if a plugin attaches to boundaries, else `None`."""
    if not _loaded:
        _load()
    return _manager


def _load() -> None:
    global _loaded, _manager  # noqa: PLW0603 - looked up once per process, on the first boundary
    from kitaru.hooks.manager import get_manager

    manager = get_manager()
    _manager = manager if manager.boundary_hooks_active else None
    _loaded = True


def reset() -> None:
    """Look again at the next boundary; for tests that change the plugins."""
    global _loaded, _manager
    _loaded, _manager = False, None
