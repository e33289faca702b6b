"""Which places for bodies there are, by the word for them in `runtime=`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from kitaru import hooks
from kitaru.errors import KitaruUsageError
from kitaru.targets.api import INLINE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru.hooks.cards import TargetDriver
    from kitaru.targets.api import ExecutionTarget

__all__ = ["BUILT_IN", "check_target", "find_target"]

BUILT_IN: Final = (INLINE, "isolated")
"""The words that are known without asking a plugin."""

_loaded: dict[str, tuple[TargetDriver, ExecutionTarget]] = {}


def check_target(word: object) -> str | None:
    """Return the word for a target as it is written, once it is known that somebody offers it.

    Args:
        word: What `runtime=` was given; `None` for nothing.

    Raises:
        KitaruUsageError: Nobody offers it.
        KitaruPluginError: It is none of the built-in ones, and a plugin is broken.
    """
    if word is None:
        return None
    cleaned = word.strip().casefold() if isinstance(word, str) else word
    if cleaned in BUILT_IN:
        return cleaned
    if not isinstance(word, str) or word.strip() not in _offered():
        known = ", ".join(sorted({*BUILT_IN, *_offered()}))
        msg = (
            f"runtime={word!r} is not known; use one of: {known}, or leave it out. Others come with plugins that offer "
            "an execution target."
        )
        raise KitaruUsageError(msg)
    return word.strip()


def find_target(word: str) -> ExecutionTarget:
    """Return the target a word stands for; it is loaded once.

    Args:
        word: The word.

    Raises:
        KitaruUsageError: Nobody offers it any more.
    """
    if word == "isolated":
        from kitaru.targets.child_process import ChildProcessTarget

        return ChildProcessTarget()
    card = _offered().get(word)
    if card is None:
        msg = (
            f"No installed plugin offers the execution target {word!r}; install the one that does, or change runtime=."
        )
        raise KitaruUsageError(msg)
    known = _loaded.get(word)
    if known is None or known[0] is not card:
        known = _loaded[word] = card, cast("ExecutionTarget", card.load())
    return known[1]


def _offered() -> Mapping[str, TargetDriver]:
    return hooks.get_manager().execution_targets()
