"""A small deterministic scout: it decides from what the tools have really returned what to read and what matters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import FunctionModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models.function import AgentInfo

__all__ = ["offline_model"]

_ARTICLES = 4
_WORTH_TELLING = 2


def offline_model() -> FunctionModel:
    """Return the model."""
    return FunctionModel(_answer, model_name="offline-scout")


def _answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    del info
    interests = _interests(messages)
    returned = _returned(messages)
    if "search_news" not in returned:
        return _call("search_news", [{"interest": interest} for interest in interests])
    chosen = _choose(returned["search_news"])
    if not chosen:
        return ModelResponse(parts=[TextPart("# Briefing\n\nNothing of interest today.\n")])
    if "fetch_url" not in returned:
        return _call("fetch_url", [{"url": item["link"]} for item in chosen])
    if "investigate" not in returned:
        pairs = zip(chosen, returned["fetch_url"], strict=True)
        return _call("investigate", [{"url": item["link"], "text": text} for item, text in pairs])
    return ModelResponse(parts=[TextPart(_briefing(interests, returned["investigate"]))])


def _interests(messages: Sequence[ModelMessage]) -> list[str]:
    prompts = [part.content for message in messages for part in message.parts if isinstance(part, UserPromptPart)]
    text = prompts[0] if prompts and isinstance(prompts[0], str) else ""
    return [part.strip() for part in text.partition(":")[2].split(",") if part.strip()]


def _returned(messages: Sequence[ModelMessage]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolReturnPart):
                found.setdefault(part.tool_name, []).append(part.content)
    return found


def _call(name: str, arguments: Sequence[dict[str, Any]]) -> ModelResponse:
    return ModelResponse(
        parts=[
            ToolCallPart(name, json.dumps(given), tool_call_id=f"{name}_{number}")
            for number, given in enumerate(arguments, start=1)
        ]
    )


def _choose(searches: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the best entries of all searches, each article once."""
    best: dict[str, dict[str, Any]] = {}
    for item in (item for search in searches for item in search):
        known = best.get(item["link"])
        if known is None or item["score"] > known["score"]:
            best[item["link"]] = item
    return sorted(best.values(), key=lambda item: (-item["score"], item["link"]))[:_ARTICLES]


def _briefing(interests: Sequence[str], findings: Sequence[Any]) -> str:
    told = [finding for finding in findings if finding["score"] >= _WORTH_TELLING]
    lines = [f"# Briefing: {', '.join(interests)}", ""]
    for finding in sorted(told, key=lambda finding: (-finding["score"], finding["url"])):
        lines += [f"## {finding['title']} ({finding['score']})", "", finding["summary"], "", finding["url"], ""]
    lines.append(f"Read {len(findings)} articles, {len(told)} worth telling.")
    return "\n".join([*lines, ""])
