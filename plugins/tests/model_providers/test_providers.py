from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from kitaru.errors import KitaruBackendError, KitaruRuntimeError, KitaruUsageError
from kitaru.models.aliases import resolve_model_selection
from kitaru.models.api import ModelRequest
from kitaru.models.credentials import find_credentials
from kitaru.models.pricing import estimate_cost
from kitaru.models.providers import find_provider

CHAT = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2025",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "four"}}],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 15},
    },
}
MESSAGES = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": "fo"}, {"type": "text", "text": "ur"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 60,
        "output_tokens": 20,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 10,
    },
}
GENERATE = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "hmm", "thought": True}, {"text": "four"}]},
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 100,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 15,
        "totalTokenCount": 120,
        "cachedContentTokenCount": 40,
    },
    "modelVersion": "gemini-2.5-pro",
}
MODELS = {
    "openai/gpt-5": ("OPENAI_API_KEY", CHAT),
    "openrouter/acme/large": ("OPENROUTER_API_KEY", CHAT),
    "ollama/llama3:8b": (None, CHAT),
    "anthropic/claude-sonnet-4-6": ("ANTHROPIC_API_KEY", MESSAGES),
    "google/gemini-2.5-pro": ("GEMINI_API_KEY", GENERATE),
}
SAID = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "2 + 2?"}]


def call(model, *, messages=SAID, asynchronous=False, **limits):
    selection = resolve_model_selection(model)
    target = find_provider(selection)
    credentials = find_credentials(target.client, selection).values
    request = ModelRequest(model=target.model, messages=messages, credentials=credentials, **limits)
    return asyncio.run(target.call_async(request)) if asynchronous else target.call(request)


@pytest.fixture
def keys(monkeypatch):
    for name, _ in MODELS.values():
        if name is not None:
            monkeypatch.setenv(name, "made-up-key-1234")


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.usefixtures("keys")
def test_every_provider_answers_with_text_and_figures(model, asynchronous, provider):
    provider.answer(MODELS[model][1])
    reply = call(model, asynchronous=asynchronous)
    assert reply.text == "four"
    assert (reply.input_tokens, reply.output_tokens) == (100, 20)
    assert reply.raw_usage
    assert len(provider.requests) == 1


@pytest.mark.usefixtures("keys")
def test_openai_gets_messages_limits_and_credential(provider):
    provider.answer(CHAT)
    reply = call("openai/gpt-4.1", temperature=0.5, max_tokens=9)
    assert provider.last["path"] == "/v1/chat/completions"
    assert provider.last["headers"]["authorization"] == "Bearer made-up-key-1234"
    assert provider.last["body"] == {"model": "gpt-4.1", "messages": SAID, "temperature": 0.5, "max_tokens": 9}
    assert (reply.cached_input_tokens, reply.reasoning_tokens, reply.total_tokens) == (40, 15, 120)
    assert (reply.model, reply.finish_reason) == ("gpt-5-2025", "stop")


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "o1", "o3-pro", "o4-mini"])
@pytest.mark.usefixtures("keys")
def test_newer_openai_models_get_the_limit_under_its_newer_name(model, provider):
    provider.answer(CHAT)
    call(f"openai/{model}", max_tokens=9)
    assert provider.last["body"]["max_completion_tokens"] == 9
    assert "max_tokens" not in provider.last["body"]


@pytest.mark.usefixtures("keys")
def test_openrouter_keeps_the_rest_of_the_name_and_reports_its_cost(provider):
    provider.answer({**CHAT, "usage": {**CHAT["usage"], "cost": 0.0042}})
    reply = call("openrouter/openai/gpt-5", max_tokens=9)
    assert provider.last["path"] == "/router/v1/chat/completions"
    assert (provider.last["body"]["model"], provider.last["body"]["max_tokens"]) == ("openai/gpt-5", 9)
    assert reply.actual_cost_usd == 0.0042


def test_ollama_needs_no_credential(provider):
    provider.answer(CHAT)
    assert call("ollama/llama3:8b").text == "four"
    assert provider.last["body"]["model"] == "llama3:8b"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("box:80", "http://box:80"),
        ("https://box", "https://box"),
        ("http://box:9/v1/", "http://box:9"),
    ],
)
def test_the_address_of_ollama_is_completed(host, address):
    from kitaru_plugins.model_providers.openai_chat import _ollama_address

    assert _ollama_address(host) == address


@pytest.mark.usefixtures("keys")
def test_anthropic_gets_the_system_text_apart_and_a_limit_always(provider):
    provider.answer(MESSAGES)
    reply = call("anthropic/claude-sonnet-4-6", temperature=0.5)
    assert provider.last["path"] == "/v1/messages"
    assert provider.last["headers"]["authorization"] == "Bearer made-up-key-1234"
    assert provider.last["body"] == {
        "model": "claude-sonnet-4-6",
        "system": [{"type": "text", "text": "be brief"}],
        "messages": SAID[1:],
        "max_tokens": 4096,
        "temperature": 0.5,
    }
    assert reply.cached_input_tokens == 30


@pytest.mark.usefixtures("keys")
def test_anthropic_refuses_a_late_system_message_before_any_call(provider):
    with pytest.raises(KitaruUsageError, match="first"):
        call("anthropic/claude-sonnet-4-6", messages=SAID[::-1])
    assert provider.requests == []


@pytest.mark.usefixtures("keys")
def test_google_gets_roles_of_its_own(provider):
    provider.answer(GENERATE)
    said = [*SAID, {"role": "assistant", "content": "5"}, {"role": "user", "content": "sure?"}]
    reply = call("google/gemini-2.5-pro", messages=said, max_tokens=9)
    body = provider.last["body"]
    assert provider.last["path"] == "/v1beta/models/gemini-2.5-pro:generateContent"
    assert provider.last["headers"]["x-goog-api-key"] == "made-up-key-1234"
    assert body["systemInstruction"]["parts"] == [{"text": "be brief"}]
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"]
    assert body["generationConfig"] == {"maxOutputTokens": 9}
    assert (reply.reasoning_tokens, reply.finish_reason) == (15, "STOP")


@pytest.mark.parametrize("message", [{"role": "tool", "content": "x"}, {"role": "user", "content": [{"text": "x"}]}])
@pytest.mark.usefixtures("keys")
def test_google_refuses_what_it_cannot_take_before_any_call(message, provider):
    with pytest.raises(KitaruUsageError, match="google"):
        call("google/gemini-2.5-pro", messages=[message])
    assert provider.requests == []


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.usefixtures("keys")
def test_a_failing_provider_is_an_error_without_the_credential(model, asynchronous, provider):
    provider.answer({"error": {"message": "bad key made-up-key-1234", "code": 401, "status": "X"}}, status=401)
    with pytest.raises(KitaruBackendError, match="401") as caught:
        call(model, asynchronous=asynchronous)
    assert model == "ollama/llama3:8b" or "made-up-key-1234" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.usefixtures("keys")
def test_an_answer_without_text_is_an_error_that_says_why(provider):
    choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": None}}
    provider.answer({**CHAT, "choices": [choice]})
    with pytest.raises(KitaruRuntimeError, match=r"without any text.*length"):
        call("openai/gpt-5")


@pytest.mark.parametrize("model", ["openai/gpt-5", "anthropic/claude-sonnet-4-6", "google/gemini-2.5-pro"])
@pytest.mark.usefixtures("keys")
def test_prices_of_known_models_are_estimated(model, provider):
    provider.answer(MODELS[model][1])
    name, _, rest = model.partition("/")
    cost = estimate_cost(name, rest, call(model))
    assert cost.estimated_cost_usd > 0
    assert (cost.source, cost.source_label, cost.warnings) == ("calculator", "genai-prices", ())


def test_the_environment_is_not_changed_by_a_call(monkeypatch, provider):
    from kitaru.secrets.registry import create_secret

    create_secret("prod", {"OPENAI_API_KEY": "from-the-secret"})
    monkeypatch.setenv("KITARU_MODEL_REGISTRY", '{"aliases": {"fast": {"model": "openai/gpt-5", "secret": "prod"}}}')
    provider.answer(CHAT)
    call("fast")
    assert provider.last["headers"]["authorization"] == "Bearer from-the-secret"
    with pytest.raises(KitaruRuntimeError, match="OPENAI_API_KEY is not set"):
        call("openai/gpt-5")


def test_a_missing_sdk_is_a_usage_error_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    for model in ("openai/gpt-5", "ollama/llama3"):
        with pytest.raises(KitaruUsageError, match=r"kitaru-core\[llm\]"):
            find_provider(resolve_model_selection(model))


def test_listing_the_providers_imports_no_sdk():
    program = (
        "import sys\n"
        "from kitaru_plugins.model_providers import plugin\n"
        "names = [card.name for card in plugin.kitaru_model_providers()]\n"
        "print(names, [name for name in ('openai', 'anthropic', 'google.genai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['openai', 'ollama', 'openrouter', 'anthropic', 'google'] []"
