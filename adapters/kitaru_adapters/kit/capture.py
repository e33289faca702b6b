"""What a capture policy has in common in every adapter: how much of a tool call may be seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CaptureMode", "ToolCapture", "check_capture_mode"]

CaptureMode = Literal["full", "metadata"]
_RENAMED = {"metadata_only": "'metadata'", "off": "None"}


def check_capture_mode(value: object, *, argument: str) -> CaptureMode | None:
    """Return a capture mode if it is one.

    Args:
        value: What the caller gave.
        argument: Name of the argument, for the error.

    Returns:
        `"full"`, `"metadata"` or `None`.

    Raises:
        KitaruUsageError: It is anything else.
    """
    for mode in get_args(CaptureMode):
        if value == mode:
            return mode  # type: ignore[no-any-return]  # get_args forgets that these are the literals
    if value is None:
        return None
    renamed = f" {value!r} is now written {_RENAMED[value]}." if isinstance(value, str) and value in _RENAMED else ""
    msg = f"{argument}={value!r} is no capture mode; use 'full', 'metadata' or None.{renamed}"
    raise KitaruUsageError(msg)


@dataclass(frozen=True)
class ToolCapture:
    """How much of tool calls may be seen in events and artifacts; replay does not depend on it.

    Attributes:
        tool_capture: `"full"` shows arguments and results, `"metadata"` timing and status, `None` nothing.
        tool_capture_overrides: The same for single tools, by name; these win.
    """

    tool_capture: CaptureMode | None = "full"
    tool_capture_overrides: Mapping[str, CaptureMode | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the modes once, at construction.

        Raises:
            KitaruUsageError: A mode is not one of the three.
        """
        check_capture_mode(self.tool_capture, argument="tool_capture")
        for name, mode in self.tool_capture_overrides.items():
            check_capture_mode(mode, argument=f"tool_capture_overrides[{name!r}]")

    def for_tool(self, name: str) -> CaptureMode | None:
        """Return the capture mode of one tool."""
        return self.tool_capture_overrides.get(name, self.tool_capture)
