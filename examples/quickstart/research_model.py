"""A small deterministic model: it decides what to do next from what the tools have really returned.

It is built on the framework's own `FunctionModel`, so the agent around it is the same as with a model of a provider.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import FunctionModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models.function import AgentInfo

__all__ = ["offline_model"]

_STOP = frozenset(
    {"a", "an", "and", "any", "are", "can", "does", "for", "happens", "has", "have", "how", "into", "its"}
)
_STOP |= {"that", "the", "then", "there", "this", "was", "what", "when", "where", "which", "who", "why", "will", "with"}
_DOCUMENTS = 3


def offline_model() -> FunctionModel:
    """Return the model."""
    return FunctionModel(_answer, model_name="offline-researcher")


def _answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    del info
    question = _question(messages)
    returned = _returned(messages)
    words = _keywords(question)
    if "list_files" not in returned:
        return _call(("list_files", {"contains": ""}))
    if "search" not in returned:
        return _call(*(("search", {"word": word}) for word in words))
    best = _best_documents(returned["search"])
    if not best:
        return ModelResponse(parts=[TextPart(f"# {question}\n\nNothing in these documents speaks of it.")])
    if "read_file" not in returned:
        return _call(*(("read_file", {"path": path}) for path in best))
    if "extract" not in returned:
        texts = zip(best, returned["read_file"], strict=False)
        return _call(*(("extract", {"path": path, "word": _fitting_word(text, words)}) for path, text in texts))
    return _finish(question, best, returned)


def _finish(question: str, best: Sequence[str], returned: dict[str, list[Any]]) -> ModelResponse:
    brief = _brief(question, returned["list_files"][0], best, returned["extract"])
    if "approve_publish" not in returned:
        return _call(("approve_publish", {"summary": brief}))
    refused = f"# {question}\n\nA person chose not to publish this."
    return ModelResponse(parts=[TextPart(brief if returned["approve_publish"][-1] is True else refused)])


def _question(messages: Sequence[ModelMessage]) -> str:
    for message in messages:
        for part in message.parts:
            if isinstance(part, UserPromptPart) and isinstance(part.content, str):
                return part.content
    return ""


def _returned(messages: Sequence[ModelMessage]) -> dict[str, list[Any]]:
    """Return what each tool gave back, in the order in which it was asked."""
    found: dict[str, list[Any]] = {}
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolReturnPart):
                found.setdefault(part.tool_name, []).append(part.content)
    return found


def _call(*calls: tuple[str, dict[str, Any]]) -> ModelResponse:
    parts = [
        ToolCallPart(name, json.dumps(arguments), tool_call_id=f"{name}_{number}")
        for number, (name, arguments) in enumerate(calls, start=1)
    ]
    return ModelResponse(parts=parts)


def _keywords(question: str) -> list[str]:
    words = [word.lower() for word in re.findall(r"[A-Za-z][\w-]{2,}", question)]
    kept = [word for word in dict.fromkeys(words) if word not in _STOP]
    return kept[:3] or ["the"]


def _best_documents(searches: Sequence[Any]) -> list[str]:
    """Return the documents that most of the searches agree on; prose goes before code."""
    agreed: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for search in searches:
        paths = [hit["path"] for hit in search]
        agreed.update(set(paths))
        hits.update(paths)

    def rank(path: str) -> tuple[bool, int, int, str]:
        return not path.endswith((".md", ".rst", ".txt")), -agreed[path], -hits[path], path

    return sorted(agreed, key=rank)[:_DOCUMENTS]


def _fitting_word(text: str, words: Sequence[str]) -> str:
    return max(words, key=lambda word: (text.lower().count(word), -words.index(word)))


def _brief(question: str, files: Sequence[str], paths: Sequence[str], extracts: Sequence[str]) -> str:
    lines = [f"# {question}", "", f"Looked at {len(files)} documents; these speak of it most."]
    for path, extract in zip(paths, extracts, strict=False):
        quoted = "\n".join(f"> {line}".rstrip() for line in extract.splitlines())
        lines += ["", f"## {path}", "", quoted]
    return "\n".join([*lines, "", "Sources: " + ", ".join(paths), ""])
