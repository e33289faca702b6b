"""The model providers of this repository under the contract: real SDKs against a server on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kitaru_conformance import ModelProviderContract
from kitaru_conformance.contracts.model_providers import Asked, Said
from kitaru_plugins.model_providers.anthropic_messages import Anthropic
from kitaru_plugins.model_providers.google_generate import Google
from kitaru_plugins.model_providers.openai_chat import Ollama, OpenAI, OpenRouter


class Server:
    """A wire over HTTP: one `protocol` puts what is said into a provider's words, and back what is asked."""

    def __init__(self, protocol):
        self.asked = []
        self.answers = deque()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append(protocol.asked(self.path, self.headers, body))
                status, answer, delay = outer.answers.popleft()
                streamed = isinstance(answer, Said) and (body.get("stream") or ":stream" in self.path)
                if streamed:
                    data = b"".join(_event(one) for one in protocol.stream(answer))
                else:
                    data = json.dumps(protocol.answer(answer) if isinstance(answer, Said) else answer).encode()
                time.sleep(delay)
                self.send_response(status)
                self.send_header("content-type", "text/event-stream" if streamed else "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.protocol = protocol
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, said):
        self.answers.append((200, said, said.delay))

    def refuse(self, status, text):
        error = {"type": "error", "error": {"type": "refused", "message": text, "code": status, "status": "REFUSED"}}
        self.answers.append((status, error, 0.0))


def _event(data):
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


class Chat:
    """OpenAI's chat completions."""

    @staticmethod
    def asked(_path, headers, body):
        return Asked(
            model=body["model"],
            messages=[(one["role"], one["content"]) for one in body["messages"]],
            credential=headers.get("authorization", "").removeprefix("Bearer "),
            temperature=body.get("temperature"),
            max_tokens=body.get("max_tokens"),
            schema=body.get("response_format", {}).get("json_schema", {}).get("schema"),
        )

    @classmethod
    def stream(cls, said):
        whole = cls.answer(said)
        common = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": said.model}
        for piece in said.pieces:
            yield {**common, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        yield {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": said.finish or "stop"}]}
        yield {**common, "choices": [], "usage": whole["usage"]}

    @staticmethod
    def answer(said):
        message = {"role": "assistant", "content": said.text or None}
        return {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": said.model,
            "choices": [{"index": 0, "finish_reason": said.finish or "stop", "message": message}],
            "usage": {
                "prompt_tokens": said.input_tokens,
                "completion_tokens": said.output_tokens,
                "total_tokens": said.input_tokens + said.output_tokens,
                "prompt_tokens_details": {"cached_tokens": said.cached},
                "completion_tokens_details": {"reasoning_tokens": said.reasoning},
            },
        }


class PricedChat(Chat):
    """The same with the cost of a call."""

    @staticmethod
    def answer(said):
        answer = Chat.answer(said)
        answer["usage"]["cost"] = said.cost
        return answer


class Messages:
    """Anthropic's messages."""

    @staticmethod
    def asked(_path, headers, body):
        system = [("system", one["text"]) for one in body.get("system", [])]
        return Asked(
            model=body["model"],
            messages=system + [(one["role"], one["content"]) for one in body["messages"]],
            credential=headers.get("x-api-key", "") or headers.get("authorization", "").removeprefix("Bearer "),
            temperature=body.get("temperature"),
            max_tokens=body["max_tokens"],
            schema=body.get("output_config", {}).get("format", {}).get("schema"),
        )

    @classmethod
    def stream(cls, said):
        whole = cls.answer(said)
        started = {**whole["usage"], "output_tokens": 1}
        opened = {**whole, "content": [], "stop_reason": None, "usage": started}
        yield {"type": "message_start", "message": opened}
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        for piece in said.pieces:
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        yield {"type": "content_block_stop", "index": 0}
        ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": said.output_tokens}}
        yield {"type": "message_stop"}

    @staticmethod
    def answer(said):
        half = len(said.text) // 2
        parts = [said.text[:half], said.text[half:]] if said.text else []
        return {
            "id": "m1",
            "type": "message",
            "role": "assistant",
            "model": said.model,
            "content": [{"type": "text", "text": part} for part in parts],
            "stop_reason": said.finish or "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": said.input_tokens - said.cached,
                "output_tokens": said.output_tokens,
                "cache_read_input_tokens": said.cached,
                "cache_creation_input_tokens": 0,
            },
        }


class Generate:
    """Google's generateContent."""

    @staticmethod
    def asked(path, headers, body):
        system = [("system", part["text"]) for part in body.get("systemInstruction", {}).get("parts", [])]
        roles = {"user": "user", "model": "assistant"}
        settings = body.get("generationConfig", {})
        return Asked(
            model=path.partition("/models/")[2].rpartition(":")[0],
            messages=system + [(roles[one["role"]], one["parts"][0]["text"]) for one in body["contents"]],
            credential=headers["x-goog-api-key"],
            temperature=settings.get("temperature"),
            max_tokens=settings.get("maxOutputTokens"),
            schema=settings.get("responseJsonSchema"),
        )

    @classmethod
    def stream(cls, said):
        whole = cls.answer(said)
        for piece in ["", *said.pieces]:
            parts = [{"text": piece}] if piece else [{"text": "hmm", "thought": True}]
            yield {"candidates": [{"content": {"role": "model", "parts": parts}}], "modelVersion": said.model}
        yield {**whole, "candidates": [{"content": {"role": "model"}, "finishReason": said.finish or "STOP"}]}

    @staticmethod
    def answer(said):
        parts = [{"text": "hmm", "thought": True}, *([{"text": said.text}] if said.text else [])]
        return {
            "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": said.finish or "STOP"}],
            "usageMetadata": {
                "promptTokenCount": said.input_tokens,
                "candidatesTokenCount": said.output_tokens - said.reasoning,
                "thoughtsTokenCount": said.reasoning,
                "totalTokenCount": said.input_tokens + said.output_tokens,
                "cachedContentTokenCount": said.cached,
            },
            "modelVersion": said.model,
        }


class Served(ModelProviderContract):
    """What the subjects below share: a server that speaks `protocol`, at which the option `address` points."""

    protocol = Chat
    kind = OpenAI
    path = "/v1"

    @pytest.fixture
    def provider(self):
        return self.kind()

    @pytest.fixture
    def wire(self, monkeypatch):
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        served = Server(self.protocol)
        thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.server.shutdown()
        thread.join()
        served.server.server_close()

    @pytest.fixture
    def credentials(self, provider, wire):
        keys = dict.fromkeys(provider.credentials[:1], "made-up-key-1234")
        return {**keys, provider.options[0]: f"{wire.url}{self.path}"}


class TestOpenAI(Served):
    subject = "openai"
    capabilities = frozenset(
        {"cached_tokens", "credentials", "reasoning_tokens", "streams", "structured", "total_tokens"}
    )


class TestOpenRouter(Served):
    subject = "openrouter"
    capabilities = frozenset(
        {"cached_tokens", "cost", "credentials", "reasoning_tokens", "streams", "structured", "total_tokens"}
    )
    kind = OpenRouter
    protocol = PricedChat


class TestOllama(Served):
    subject = "ollama"
    capabilities = frozenset({"cached_tokens", "reasoning_tokens", "streams", "structured", "total_tokens"})
    kind = Ollama


class TestAnthropic(Served):
    subject = "anthropic"
    capabilities = frozenset({"cached_tokens", "credentials", "streams", "structured"})
    kind = Anthropic
    protocol = Messages
    path = ""


class TestGoogle(Served):
    subject = "google"
    capabilities = frozenset(
        {"cached_tokens", "credentials", "reasoning_tokens", "streams", "structured", "total_tokens"}
    )
    kind = Google
    protocol = Generate
    path = ""
