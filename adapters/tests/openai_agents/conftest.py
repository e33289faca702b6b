"""A provider on the loopback interface that speaks Responses and chat completions to the real client library."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import kitaru
from kitaru.engine.journals import default_journal

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"


@dataclass
class Reply:
    """What the provider answers to one request."""

    text: str | None = None
    calls: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    status: int = 200
    retry_after: float | None = None
    drop: bool = False
    extra_items: list[dict[str, Any]] = field(default_factory=list)


class FakeProvider:
    """Answers requests from a list of replies, or from a function that reads the request."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.replies: list[Reply] = []
        self.brain: Callable[[dict[str, Any]], Reply] | None = None
        self.connections: set[int] = set()
        self.keep_alive = False
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                provider.answer(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def script(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self._lock:
            self.connections.add(handler.client_address[1])
            self.requests.append({"path": handler.path, "body": body})
            number = len(self.requests)
            reply = self.brain(body) if self.brain is not None else self.replies.pop(0)
        if reply.drop:
            handler.close_connection = True
            handler.connection.shutdown(2)
        elif reply.status != 200:
            headers = {} if reply.retry_after is None else {"retry-after": str(reply.retry_after)}
            self._send(
                handler, reply.status, json.dumps({"error": {"message": "slow down"}}), "application/json", headers
            )
        elif handler.path.endswith("/responses"):
            self._responses(handler, body, reply, number)
        else:
            self._chat(handler, body, reply, number)

    def _responses(self, handler, body, reply: Reply, number: int) -> None:
        response = _response(body, reply, number)
        if not body.get("stream"):
            self._send(handler, 200, json.dumps(response), "application/json")
            return
        events = [{"type": "response.created", "response": {**response, "status": "in_progress", "output": []}}]
        for index, item in enumerate(response["output"]):
            events.append({"type": "response.output_item.added", "output_index": index, "item": item})
            if item["type"] == "message":
                delta = {"item_id": item["id"], "output_index": index, "content_index": 0, "logprobs": []}
                text = item["content"][0]["text"]
                events += [{"type": "response.output_text.delta", "delta": part, **delta} for part in text.split(" ")]
            events.append({"type": "response.output_item.done", "output_index": index, "item": item})
        events.append({"type": "response.completed", "response": response})
        lines = (
            f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': n})}\n\n"
            for n, event in enumerate(events)
        )
        self._send(handler, 200, "".join(lines), "text/event-stream")

    def _chat(self, handler, body, reply: Reply, number: int) -> None:
        calls = [
            {"index": n, "id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
            for n, (name, args, call_id) in enumerate(reply.calls)
        ]
        message = {"role": "assistant", "content": reply.text, **({"tool_calls": calls} if calls else {})}
        head = {"id": f"chat-{number}", "created": 1, "model": body["model"]}
        usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
        end = "tool_calls" if calls else "stop"
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": end}
            whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            self._send(handler, 200, json.dumps(whole), "application/json")
            return
        chunks = [
            {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": why}]}
            for delta, why in ((message, None), ({}, end))
        ]
        chunks.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self._send(handler, 200, text, "text/event-stream")

    def _send(self, handler, status: int, text: str, kind: str, headers: dict[str, str] | None = None) -> None:
        data = text.encode()
        handler.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(data)), **(headers or {})}.items():
            handler.send_header(name, value)
        if not self.keep_alive:
            handler.send_header("connection", "close")
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(data)


def _response(body: dict[str, Any], reply: Reply, number: int) -> dict[str, Any]:
    output: list[dict[str, Any]] = [*reply.extra_items]
    for name, args, call_id in reply.calls:
        output.append(
            {
                "id": f"fc-{call_id}",
                "type": "function_call",
                "call_id": call_id,
                "name": name,
                "arguments": json.dumps(args),
                "status": "completed",
            }
        )
    if reply.text is not None:
        part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        message = {"id": f"msg-{number}", "type": "message", "role": "assistant", "status": "completed"}
        output.append({**message, "content": [part]})
    return {
        "id": f"resp-{number}",
        "object": "response",
        "created_at": 1,
        "model": body["model"],
        "status": "completed",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 11,
            "output_tokens": 5,
            "total_tokens": 16,
            "input_tokens_details": {"cached_tokens": 3},
            "output_tokens_details": {"reasoning_tokens": 2},
        },
    }


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    fake = FakeProvider()
    yield fake
    fake.close()


@pytest.fixture(autouse=True)
def _clean_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "kitaru"))
    monkeypatch.setenv("KITARU_DISABLE_INTERACTIVE_INPUT", "1")
    monkeypatch.setenv("KITARU_STRICT_REPLAY", "1")  # a rerun that asks otherwise than the first run is a fault here


class Story:
    """A flow around one body that can fail behind its end, so that it runs again from the top."""

    def __init__(self, body: Callable[[], Any]) -> None:
        self.results: list[Any] = []
        self.fail_behind = True

        @kitaru.flow
        async def story() -> Any:
            result = await body()
            self.results.append(result)
            if self.fail_behind:
                self.fail_behind = False
                msg = "behind the end"
                raise RuntimeError(msg)
            return result

        self._flow = story
        self.exec_id = ""

    def first(self) -> Any:
        """Run, fail behind the end, and give the body's result."""
        handle = self._flow.run()
        self.exec_id = handle.exec_id
        with pytest.raises(kitaru.KitaruExecutionError):
            handle.wait()
        if not self.results:
            handle.get()
        return self.results[-1]

    def rerun(self) -> Any:
        """Run again from the top, on what is recorded, and give the flow's result."""
        kitaru.KitaruClient().executions.retry(self.exec_id, block=True)
        return kitaru.FlowHandle.from_exec_id(self.exec_id).wait()

    def once(self) -> Any:
        """Run to the end without failing."""
        self.fail_behind = False
        handle = self._flow.run()
        self.exec_id = handle.exec_id
        return handle.wait()

    def start(self) -> kitaru.FlowHandle:
        """Start without waiting for the end."""
        self.fail_behind = False
        handle = self._flow.run()
        self.exec_id = handle.exec_id
        return handle

    def answered_after_the_pause(self, *, value: object) -> Any:
        """Run until everything waits and the runner has left, answer all questions alike, resume, give the result."""
        handle, client = self.start(), kitaru.KitaruClient()
        end = time.monotonic() + 10
        while handle.status != "waiting":
            assert time.monotonic() < end, handle.status
            time.sleep(0.005)
        for wait in client.executions.pending_waits(self.exec_id):
            client.executions.input(self.exec_id, wait=wait.name, value=value)
        while handle.status != "completed":
            assert time.monotonic() < end, handle.status
            with contextlib.suppress(kitaru.KitaruStateError):  # until its runner has left
                client.executions.resume(self.exec_id, block=True)
            time.sleep(0.005)
        return handle.wait()

    @property
    def execution(self) -> Any:
        return kitaru.KitaruClient().executions.get(self.exec_id)

    @property
    def names(self) -> list[str]:
        """Names of the boundaries, in the order of the body."""
        return [call.name for call in self.execution.checkpoints]

    @property
    def records(self) -> list[Any]:
        """Every record of the execution."""
        return list(default_journal().records(self.exec_id))

    @property
    def live_events(self) -> list[tuple[str, dict[str, Any]]]:
        """Kind and payload of every live event."""
        return [(event.kind, json.loads(event.body)) for event in default_journal().events(self.exec_id)]


@pytest.fixture
def story() -> type[Story]:
    return Story
