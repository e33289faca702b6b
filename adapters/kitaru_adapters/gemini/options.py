"""The optional fields of a request, by name: one list for every builder and helper that passes them on."""

from __future__ import annotations

from typing import Any, TypedDict

__all__ = ["RequestOptions", "TurnOptions"]


class TurnOptions(TypedDict, total=False):
    """Fields that say how a turn is carried out; see `GeminiInteractionRequest`."""

    tools: list[Any] | None
    system_instruction: str | None
    generation_config: dict[str, Any] | None
    agent_config: dict[str, Any] | None
    response_format: Any
    response_mime_type: str | None
    timeout_s: float | None
    labels: dict[str, str] | None
    service_tier: str | None
    safety_settings: list[Any] | None
    cached_content: str | None
    response_modalities: list[str] | None
    automatic_continuation: bool | None
    webhook_config: dict[str, Any] | None
    extra: dict[str, Any] | None


class RequestOptions(TurnOptions, total=False):
    """The same with the target, the place, and what is kept."""

    model: str | None
    agent: str | None
    environment: str | dict[str, Any] | None
    background: bool
    store: bool
    metadata: dict[str, Any] | None
