"""Arguments of older releases, and arguments that only make sense together."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RunArguments", "RunKeywords", "check_sync_waits", "translated"]

RunArguments: TypeAlias = tuple[Any, ...]
"""Positional arguments of a run, whose list is the framework's and grows with its releases."""
RunKeywords: TypeAlias = dict[str, Any]
"""Keywords of a run, as open as its arguments."""


def check_sync_waits(strategy: str, named: Mapping[str, object] | None, *, wanted: bool) -> None:
    """Check that the old flag for waits in synchronous tools was given where it can mean something.

    Args:
        strategy: The strategy.
        named: Settings of single tools.
        wanted: The flag.

    Raises:
        KitaruUsageError: It cannot mean anything.
    """
    if wanted and (strategy != "calls" or not any(config is False for config in (named or {}).values())):
        msg = (
            "allow_sync_tool_body_waits=True needs the strategy 'calls' and a tool that runs at flow scope: "
            "tool_checkpoint_config_by_name={'<tool>': False}. Waits in synchronous tools work without the flag."
        )
        raise KitaruUsageError(msg)


def translated(kwargs: RunKeywords) -> RunKeywords:
    """Translate keywords of older releases; everything else stays, known here or not.

    Args:
        kwargs: Keywords of a run.

    Returns:
        A copy with today's keywords.

    Raises:
        KitaruUsageError: A keyword was given under its old and its new name.
    """
    kwargs = dict(kwargs)
    if "output_retries" in kwargs:
        retries = kwargs.pop("output_retries")
        if kwargs.get("retries") is not None:
            msg = "output_retries= is the old name of retries=; give one of the two."
            raise KitaruUsageError(msg)
        kwargs["retries"] = {"output": retries}
    if "builtin_tools" in kwargs:
        from pydantic_ai.capabilities import NativeTool

        warnings.warn("builtin_tools= is now capabilities=[NativeTool(...)].", DeprecationWarning, stacklevel=4)
        native = [NativeTool(tool) for tool in kwargs.pop("builtin_tools") or ()]
        kwargs["capabilities"] = [*(kwargs.get("capabilities") or ()), *native]
    return kwargs
