"""A model without a network: it decides by simple rules from what it is really given, and counts what it is asked."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from agents import Model, ModelResponse, Usage
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agents.items import TResponseStreamEvent

Item: TypeAlias = ResponseOutputMessage | ResponseFunctionToolCall

_WORD = re.compile(r"[a-z]{4,}")
_COMMON = {"what", "about", "does", "with", "that", "this", "have", "from", "they", "tell", "work", "into", "mean"}


class OfflineModel(Model):
    """Plays the planner, the searcher or the writer, according to its instructions."""

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[Any],  # noqa: A002 - the framework's word
        *_: Any,
        **__: Any,
    ) -> ModelResponse:
        """Answer one request.

        Args:
            system_instructions: Begins with the name of the role.
            input: The conversation so far.
            *_: What only real models need.
            **__: The same.

        Returns:
            A message or a tool call.
        """
        role = (system_instructions or "").split(":")[0]
        items = input if isinstance(input, list) else [{"role": "user", "content": input}]
        _count(role)
        answer = {"Planner": _plan, "Searcher": _search, "Writer": _write}[role](items)
        tokens = len(json.dumps(items)) // 4
        usage = Usage(requests=1, input_tokens=tokens, output_tokens=20, total_tokens=tokens + 20)
        return ModelResponse(output=[answer], usage=usage, response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[TResponseStreamEvent]:
        """Refuse: nothing here streams."""
        msg = "The offline model does not stream; use run() or name a real model."
        raise NotImplementedError(msg)


def _plan(items: list[Any]) -> Item:
    words = dict.fromkeys(word for word in _WORD.findall(_question(items).lower()) if word not in _COMMON)
    return _message(json.dumps({"searches": list(words)[:3]}))


def _search(items: list[Any]) -> Item:
    found = _tool_outputs(items)
    if not found:
        return _call("search_notes", {"term": _question(items)})
    return _message(found[0].split("\n")[0])


def _write(items: list[Any]) -> Item:
    told = _tool_outputs(items)
    if told:
        return _message(told[0])
    recipient, _, findings = _question(items).partition("\n")
    points = [line for line in findings.splitlines() if not line.endswith("nothing found.")]
    body = "\n".join(points) or "The notes say nothing about this."
    return _call("send_report", {"to": recipient.removeprefix("For "), "body": body})


def _question(items: list[Any]) -> str:
    return str(next(item["content"] for item in items if item.get("role") == "user"))


def _tool_outputs(items: list[Any]) -> list[str]:
    return [str(item["output"]) for item in items if item.get("type") == "function_call_output"]


def _message(text: str) -> ResponseOutputMessage:
    part = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(id="message", content=[part], role="assistant", status="completed", type="message")


def _call(name: str, arguments: dict[str, str]) -> ResponseFunctionToolCall:
    text = json.dumps(arguments)
    return ResponseFunctionToolCall(name=name, arguments=text, call_id=f"{name}-1", type="function_call")


def _count(role: str) -> None:
    with (Path(os.environ.get("RESEARCH_HOME", ".")) / "asked.txt").open("a") as book:
        book.write(f"{role}\n")
