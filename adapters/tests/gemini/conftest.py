from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from google import genai
from google.genai.types import HttpOptions, HttpRetryOptions

from kitaru import FlowHandle, KitaruClient, flow
from kitaru.adapters.gemini import GeminiInteractionRequest, GeminiInteractionResult, KitaruGeminiInteractionsRunner
from kitaru.errors import KitaruExecutionError
from kitaru_adapters.gemini.loopback import LoopbackGemini

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ONCE = 1 if int(genai.__version__.split(".")[0]) >= 3 else -1


def pytest_report_header() -> str:
    return f"google-genai {genai.__version__}"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path / "kitaru"))
    monkeypatch.setenv("KITARU_DISABLE_INTERACTIVE_INPUT", "1")
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "test-key")


@pytest.fixture
def service() -> Iterator[LoopbackGemini]:
    with LoopbackGemini() as running:
        yield running


@pytest.fixture
def client(service) -> Iterator[genai.Client]:
    options = HttpOptions(base_url=service.url, retry_options=HttpRetryOptions(attempts=ONCE))
    with genai.Client(api_key=os.environ["GEMINI_API_KEY"], http_options=options) as opened:
        yield opened


@pytest.fixture
def make_runner(service, monkeypatch) -> Callable[..., KitaruGeminiInteractionsRunner]:
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", service.url)

    def make(**settings) -> KitaruGeminiInteractionsRunner:
        quick = {"name": "agent", "poll_interval_s": 0.01, "max_poll_interval_s": 0.02, "not_found_grace_s": 0.3}
        return KitaruGeminiInteractionsRunner(**{**quick, **settings})

    return make


class Conversation:
    """A flow that carries out requests one after the other and can be told to fail behind the last one."""

    def __init__(self, runner: KitaruGeminiInteractionsRunner) -> None:
        self.runner = runner
        self.requests: tuple[GeminiInteractionRequest, ...] = ()
        self.results: list[GeminiInteractionResult] = []
        self.fail_behind = False
        self.streamed = False
        outer = self

        @flow
        def conversation() -> list[GeminiInteractionResult]:
            turn = outer.runner.run_stream_sync if outer.streamed else outer.runner.run_sync
            outer.results = [turn(request) for request in outer.requests]
            if outer.fail_behind:
                outer.fail_behind = False
                msg = "later"
                raise RuntimeError(msg)
            return outer.results

        self.flow = conversation

    def run(self, *requests: GeminiInteractionRequest) -> FlowHandle:
        self.requests = requests
        return self.flow.run()

    def result(self, *requests: GeminiInteractionRequest) -> GeminiInteractionResult:
        return self.run(*requests).wait()[-1]

    def failure(self, *requests: GeminiInteractionRequest) -> BaseException:
        with pytest.raises(KitaruExecutionError) as caught:
            self.run(*requests).wait()
        assert caught.value.__cause__ is not None
        return caught.value.__cause__

    def fail_then_retry(self, *requests: GeminiInteractionRequest) -> FlowHandle:
        handle = self.run(*requests)
        with pytest.raises(KitaruExecutionError):
            handle.wait()
        return self.retry(handle)

    @staticmethod
    def retry(handle: FlowHandle) -> FlowHandle:
        KitaruClient().executions.retry(handle.exec_id, block=True)
        return handle


@pytest.fixture
def talk(make_runner) -> Callable[..., Conversation]:
    return lambda **settings: Conversation(make_runner(**settings))
