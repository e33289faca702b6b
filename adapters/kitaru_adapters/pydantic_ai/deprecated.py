"""The old door into the adapter, kept so that older code goes on to run."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from kitaru_adapters.kit.capture import check_capture_mode
from kitaru_adapters.pydantic_ai.agent import KitaruAgent
from kitaru_adapters.pydantic_ai.types import CapturePolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_ai.agent import AbstractAgent
    from pydantic_ai.output import OutputDataT
    from pydantic_ai.tools import AgentDepsT

    from kitaru_adapters.pydantic_ai.types import CaptureConfig, CaptureMode

__all__ = ["wrap"]


def wrap(
    agent: AbstractAgent[AgentDepsT, OutputDataT],
    *,
    name: str | None = None,
    tool_capture_config: CaptureConfig | None = None,
    tool_capture_config_by_name: Mapping[str, CaptureConfig] | None = None,
    **kwargs: Any,
) -> KitaruAgent[AgentDepsT, OutputDataT]:
    """Wrap an agent the old way; use `KitaruAgent` instead.

    Args:
        agent: The agent.
        name: Name in the names of units.
        tool_capture_config: Old form of `CapturePolicy(tool_capture=...)`.
        tool_capture_config_by_name: Old form of `CapturePolicy(tool_capture_overrides=...)`.
        **kwargs: What `KitaruAgent` takes.

    Returns:
        The wrapped agent.

    Raises:
        TypeError: Old and new capture settings were given together.
    """
    warnings.warn("wrap() is deprecated; use KitaruAgent(...).", DeprecationWarning, stacklevel=2)
    if tool_capture_config is None and tool_capture_config_by_name is None:
        return KitaruAgent(agent, name=name, **kwargs)
    if "capture" in kwargs:
        msg = "wrap() takes either capture= or the old tool_capture_config=, not both."
        raise TypeError(msg)
    capture = CapturePolicy(
        tool_capture=_mode(tool_capture_config) if tool_capture_config is not None else "full",
        tool_capture_overrides={name: _mode(config) for name, config in (tool_capture_config_by_name or {}).items()},
    )
    return KitaruAgent(agent, name=name, capture=capture, **kwargs)


def _mode(config: CaptureConfig) -> CaptureMode | None:
    if config.get("enabled") is False:
        return None
    mode = config.get("mode")
    if mode is not None:
        return check_capture_mode({"metadata_only": "metadata", "off": None}.get(mode, mode), argument="mode")
    return "full" if config.get("save_args") or config.get("save_result") else "metadata"
