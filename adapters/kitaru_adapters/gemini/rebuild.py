"""Putting an interaction together from its stream events, for turns that the service does not keep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru_adapters.gemini.values import Json

__all__ = ["Rebuilt"]


class Rebuilt:
    """Collects events; steps are kept apart by their index, so parallel steps do not mix."""

    def __init__(self) -> None:
        self._interaction: Json = {}
        self._steps: dict[int, Json] = {}
        self._arguments: dict[int, str] = {}

    def step(self, index: object) -> Mapping[str, object]:
        """Return what is known about a step; empty when its start was not seen."""
        return self._steps.get(index, {}) if isinstance(index, int) else {}

    def add(self, kind: str, event: Mapping[str, object]) -> None:
        """Take in one event.

        Args:
            kind: Its type.
            event: The event as JSON; kinds that are not known change nothing.
        """
        interaction = event.get("interaction")
        if isinstance(interaction, dict):
            self._interaction |= interaction
        elif kind == "interaction.status_update" and event.get("status"):
            self._interaction["status"] = event["status"]
        index = event.get("index")
        if not isinstance(index, int):
            return
        started, delta = event.get("step"), event.get("delta")
        if kind == "step.start" and isinstance(started, dict):
            self._steps[index] = dict(started)
        elif kind == "step.delta" and isinstance(delta, dict):
            self._extend(index, delta)

    def _extend(self, index: int, delta: Json) -> None:
        step = self._steps.setdefault(index, {"type": "model_output" if delta.get("type") == "text" else "unknown"})
        kind = str(delta.get("type"))
        if kind == "arguments_delta":
            self._arguments[index] = self._arguments.get(index, "") + str(delta.get("arguments") or "")
        elif kind == "text":
            _append_text(step.setdefault("content", []), str(delta.get("text") or ""))
        elif kind == "thought_summary":
            block = delta.get("content")
            step.setdefault("summary", []).append(
                block if isinstance(block, dict) else {"type": "text", "text": str(block)}
            )
        elif kind == "thought_signature":
            step["signature"] = delta.get("signature")
        else:
            step.setdefault("content", []).append(delta)

    def interaction(self) -> Json:
        """Return the interaction as far as its events tell.

        Returns:
            JSON in the form that a get would give.
        """
        steps = []
        for index, step in sorted(self._steps.items()):
            joined = self._arguments.get(index)
            steps.append(step | ({"arguments": _parsed(joined)} if joined else {}))
        return self._interaction | {"steps": steps}


def _append_text(content: list[Json], text: str) -> None:
    if content and content[-1].get("type") == "text":
        content[-1]["text"] += text
    else:
        content.append({"type": "text", "text": text})


def _parsed(arguments: str) -> Json:
    try:
        value = json.loads(arguments)
    except json.JSONDecodeError:
        return {"_unparsed": arguments}
    return value if isinstance(value, dict) else {"_unparsed": arguments}
