"""Plays Claude's part without a key: reads the files through Claude's own tool and applies three simple rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from kitaru_adapters.claude_agent_sdk.testing import Text, ToolUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kitaru_adapters.claude_agent_sdk.testing import Reply, Turn

RECORD = "mcp__notebook__record_finding"
RULES = (
    (re.compile(r"except\s*:"), "A bare except hides every error, also a keyboard interrupt."),
    (re.compile(r"\beval\("), "eval() runs whatever is handed to it."),
    (re.compile(r"def \w+\(.*=\s*(\[\]|\{\})"), "A mutable default is shared by all calls."),
)
_TRIES = 2  # a file that is empty, or whose reading broke off in a crash, is read once more
_LISTED = re.compile(r"^- (.+\.py)$", re.MULTILINE)
_NUMBERED = re.compile(r"^\s*(\d+)[→\t](.*)$", re.MULTILINE)


def review_by_rules(turn: Turn) -> Reply:
    """Answer as a reviewer would: read what is listed, record what is wrong, then say so.

    Args:
        turn: What the model is asked for; everything is decided from the conversation.

    Returns:
        The answer.
    """
    calls, results = turn.tool_calls, turn.tool_results
    tried = [str(call.input["file_path"]) for call in calls.values() if call.name == "Read"]
    read = {str(calls[key].input["file_path"]) for key, text in results.items() if _NUMBERED.search(text)}
    listed = dict.fromkeys(_LISTED.findall(turn.text))
    unread = [path for path in listed if path not in read and tried.count(path) < _TRIES]
    if unread:
        return [ToolUse("Read", {"file_path": path}) for path in unread]
    recorded = {(call.input["file"], call.input["line"]) for call in calls.values() if call.name == RECORD}
    for finding in _findings(turn):
        if (finding["file"], finding["line"]) not in recorded:
            return [ToolUse(RECORD, finding)]
    return [Text(f"{len(set(tried))} files were read and {len(recorded)} problems recorded.")]


def _findings(turn: Turn) -> Iterator[dict[str, object]]:
    for key, text in turn.tool_results.items():
        call = turn.tool_calls.get(key)
        if call is None or call.name != "Read":
            continue
        name = Path(str(call.input["file_path"])).name
        for line, content in _NUMBERED.findall(text):
            for pattern, problem in RULES:
                if pattern.search(content):
                    yield {"file": name, "line": int(line), "problem": problem}
