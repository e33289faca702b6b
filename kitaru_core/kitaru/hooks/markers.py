"""The two marks of pluggy under our name: one for specifications, one for implementations."""

from __future__ import annotations

from typing import Final

import pluggy

__all__ = ["HOOKSPEC_LEVEL", "PROJECT", "hookimpl", "hookspec"]

PROJECT: Final = "kitaru"
"""Name of the hook project, and of the entry-point group by which plugins are found."""

HOOKSPEC_LEVEL: Final = 1
"""Level of the hook specifications in this release; it rises when a hook or an argument is added."""

hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)
