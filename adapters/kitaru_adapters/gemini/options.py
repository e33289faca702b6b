"""The optional fields of a request, by name: one list for every builder and helper that passes them on."""

from __future__ import annotations

from typing import TypedDict

from kitaru_adapters.gemini.values import Json, JsonData

__all__ = ["RequestOptions", "TurnOptions"]


class TurnOptions(TypedDict, total=False):
    """Fields that say how a turn is carried out; see `GeminiInteractionRequest`."""

    tools: list[JsonData] | None
    system_instruction: str | None
    generation_config: Json | None
    agent_config: Json | None
    response_format: JsonData
    response_mime_type: str | None
    timeout_s: float | None
    labels: dict[str, str] | None
    service_tier: str | None
    safety_settings: list[JsonData] | None
    cached_content: str | None
    response_modalities: list[str] | None
    automatic_continuation: bool | None
    webhook_config: Json | None
    extra: Json | None


class RequestOptions(TurnOptions, total=False):
    """The same with the target, the place, and what is kept."""

    model: str | None
    agent: str | None
    environment: str | Json | None
    background: bool
    store: bool
    metadata: Json | None
