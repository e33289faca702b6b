"""A loopback server that speaks the Messages API, for tests and examples that run without a key.

The real program in the SDK's wheel talks to it as it would talk to the real API::

    with LoopbackAnthropic(lambda turn: [Text("done")]) as api:
        options = ClaudeAgentOptions(env=api.env(folder), setting_sources=[])

A script is a function from the `Turn` the model is asked for to the blocks it answers with. It must decide from the
conversation alone, as a model does; then a rerun and a resumed session get the answers that fit.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self, TypeAlias, cast

__all__ = ["ApiError", "LoopbackAnthropic", "Reply", "Script", "Text", "ToolUse", "Turn", "replies"]


@dataclass(frozen=True)
class Text:
    """A text block of the model's answer.

    Attributes:
        text: The text.
        pieces: The pieces in which it is streamed; all at once when left empty.
    """

    text: str
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToolUse:
    """A tool call of the model's answer.

    Attributes:
        name: Name of the tool as Claude sees it, such as `Bash` or `mcp__shop__charge`.
        input: The arguments.
        id: Id of the call; made up when left empty.
    """

    name: str
    input: Mapping[str, object] = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"toolu_{uuid.uuid4().hex[:20]}")


@dataclass(frozen=True)
class ApiError:
    """An error of the API instead of an answer."""

    status: int
    message: str = "scripted error"


Reply: TypeAlias = "Sequence[Text | ToolUse] | ApiError"
Script: TypeAlias = "Callable[[Turn], Reply]"


@dataclass(frozen=True)
class Turn:
    """What the model is asked for.

    Attributes:
        body: The request as the program sent it.
    """

    body: Mapping[str, object]

    @property
    def messages(self) -> list[dict[str, object]]:
        """The conversation so far."""
        return cast("list[dict[str, object]]", self.body.get("messages", []))

    @property
    def index(self) -> int:
        """How many answers the conversation already holds; 0 for the first."""
        return sum(1 for message in self.messages if message["role"] == "assistant")

    @property
    def tools(self) -> list[str]:
        """Names of the tools on offer."""
        return [str(tool["name"]) for tool in cast("list[dict[str, object]]", self.body.get("tools", []))]

    @property
    def tool_calls(self) -> dict[str, ToolUse]:
        """Every tool call of the conversation, by its id."""
        uses = [block for block in self._blocks() if block.get("type") == "tool_use"]
        return {
            str(b["id"]): ToolUse(str(b["name"]), cast("dict[str, object]", b["input"]), str(b["id"])) for b in uses
        }

    @property
    def tool_results(self) -> dict[str, str]:
        """Text of every tool result in the conversation, by the id of its call."""
        found: dict[str, str] = {}
        for block in self._blocks():
            if block.get("type") == "tool_result":
                found[str(block["tool_use_id"])] = _plain(block.get("content"))
        return found

    @property
    def text(self) -> str:
        """All text of the user's side, joined."""
        return "\n".join(_plain(message["content"]) for message in self.messages if message["role"] == "user")

    def _blocks(self) -> Iterator[dict[str, object]]:
        for message in self.messages:
            if isinstance(message["content"], list):
                yield from message["content"]


def replies(*answers: Reply) -> Script:
    """Build a script that gives the n-th answer when the conversation holds n answers already.

    Args:
        *answers: The answers in order; the last one is repeated.

    Returns:
        The script.
    """
    return lambda turn: answers[min(turn.index, len(answers) - 1)]


class LoopbackAnthropic:
    """A Messages API on 127.0.0.1 that answers from a script.

    Args:
        script: Decides the answers; may be replaced at any time.
    """

    def __init__(self, script: Script = lambda _: [Text("ok")]) -> None:
        self.script = script
        self.turns: list[Turn] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reset(self, script: Script) -> None:
        """Take another script and forget the turns so far."""
        self.script = script
        self.turns = []

    def env(self, home: str | Path) -> dict[str, str]:
        """Environment that sends the program here and keeps it off the user's own configuration.

        Args:
            home: Folder that stands in for the home folder.

        Returns:
            Variables for `ClaudeAgentOptions.env`.
        """
        settings = {
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "loopback",
            "HOME": str(home),
            "CLAUDE_CONFIG_DIR": str(Path(home) / ".claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_AUTOUPDATER": "1",
        }
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            settings["IS_SANDBOX"] = "1"  # the program refuses to skip permissions as root without it
        return settings


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a program that was ended in the middle is no error here
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typed more loosely than the base


def _plain(content: object) -> str:
    if isinstance(content, str):
        return content
    blocks = cast("list[dict[str, object]]", content or [])
    return "\n".join(str(block["text"]) for block in blocks if block.get("type") == "text")


def _handler(api: LoopbackAnthropic) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._send(200, "application/json", b"")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            if "/count_tokens" in self.path:
                self._send(200, "application/json", b'{"input_tokens": 1}')
                return
            turn = Turn(body)
            api.turns.append(turn)
            reply = api.script(turn)
            if isinstance(reply, ApiError):
                error = {"type": "error", "error": {"type": "api_error", "message": reply.message}}
                self._send(reply.status, "application/json", json.dumps(error).encode())
            else:
                self._send(200, "text/event-stream", b"".join(_events(turn, reply)))

        def _send(self, status: int, content_type: str, payload: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)
            except ConnectionError:
                self.close_connection = True  # the program was ended while it waited for the answer

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            del format, args

    return Handler


def _events(turn: Turn, blocks: Sequence[Text | ToolUse]) -> Iterator[bytes]:
    usage = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    message = {
        "id": f"msg_{uuid.uuid4().hex[:20]}",
        "type": "message",
        "role": "assistant",
        "model": turn.body.get("model"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    yield _event("message_start", message=message)
    for index, block in enumerate(blocks):
        start, deltas = _parts(block)
        yield _event("content_block_start", index=index, content_block=start)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    reason = "tool_use" if any(isinstance(block, ToolUse) for block in blocks) else "end_turn"
    yield _event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": 5})
    yield _event("message_stop")


def _parts(block: Text | ToolUse) -> tuple[dict[str, object], list[dict[str, object]]]:
    if isinstance(block, Text):
        pieces = block.pieces or (block.text,)
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
    start: dict[str, object] = {"type": "tool_use", "id": block.id, "name": block.name, "input": {}}
    return start, [{"type": "input_json_delta", "partial_json": json.dumps(block.input)}]


def _event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
