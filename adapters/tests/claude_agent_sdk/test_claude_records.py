"""What is kept beside a result: manifest, cache key, usage and cost."""

from __future__ import annotations

import json

import pytest
from claude_agent_sdk import ClaudeAgentOptions, HookMatcher

from kitaru.adapters.claude_agent_sdk import ClaudeRunRequest
from kitaru.errors import KitaruUsageError
from kitaru_adapters.claude_agent_sdk.manifest import cache_key, options_manifest
from kitaru_adapters.claude_agent_sdk.usage import SessionTotals, Spent, price, spent, summary_of, usage_records
from kitaru_adapters.kit.redaction import HIDDEN

GO = ClaudeRunRequest.start("go", metadata={"ticket": 7})
SECRET = "sk-not-for-anyone"


async def watch(_data, _id, _context):
    return {}


def test_the_manifest_shows_shape_and_limits_but_no_secret():
    options = ClaudeAgentOptions(
        env={"ANTHROPIC_API_KEY": SECRET},
        max_thinking_tokens=500,
        settings=json.dumps({"key": SECRET}),
        mcp_servers={"web": {"type": "http", "url": "https://x", "headers": {"Authorization": SECRET}}},
        extra_args={"api-key": SECRET},
        hooks={"PreToolUse": [HookMatcher(hooks=[watch])]},
    )
    manifest = options_manifest(options, GO, redact=True)
    assert SECRET not in json.dumps(manifest)
    assert manifest["options"]["max_thinking_tokens"] == 500
    assert manifest["options"]["env"] == {"ANTHROPIC_API_KEY": HIDDEN}
    assert manifest["options"]["hooks"]["PreToolUse"][0]["hooks"] == [f"{watch.__module__}.watch"]
    assert manifest["request"]["prompt_length"] == 2
    assert "go" not in manifest["request"].values()


@pytest.mark.parametrize(
    "servers",
    [
        {"web": {"type": "http", "url": f"https://me:{SECRET}@host/mcp"}},
        {"web": {"type": "sse", "url": f"https://host/mcp?code={SECRET}"}},
        {"local": {"command": "serve", "args": ["--token", SECRET], "env": {"REGION": SECRET}}},
        json.dumps({"mcpServers": {"web": {"url": "https://host", "headers": {"X-Custom": SECRET}}}}),
    ],
)
def test_the_manifest_shows_no_secret_of_a_server(servers):
    options = ClaudeAgentOptions(mcp_servers=servers, extra_args={"mcp-config": json.dumps({"headers": {"X": SECRET}})})
    assert SECRET not in json.dumps(options_manifest(options, GO, redact=True))


def test_environment_values_are_left_out_even_without_redaction():
    manifest = options_manifest(ClaudeAgentOptions(env={"A": SECRET}), GO, redact=False)
    assert SECRET not in json.dumps(manifest)


def key(**changes):
    given = {"options": ClaudeAgentOptions(), "factory": None, "identity": None, "runner": "r", "streamed": False}
    return cache_key(changes.pop("request", GO), **{**given, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"streamed": True},
        {"runner": "other"},
        {"request": ClaudeRunRequest.start("else")},
        {"options": ClaudeAgentOptions(model="m")},
        {"options": ClaudeAgentOptions(env={"A": "1"})},
        {"options": None, "factory": watch},
    ],
)
def test_runs_that_differ_do_not_share_a_cached_value(change):
    assert key(**change) != key()
    assert key() == key()


def test_a_live_object_in_the_options_needs_an_identity():
    class Rule:
        async def __call__(self, *_):
            return {}

    options = ClaudeAgentOptions(can_use_tool=Rule())
    with pytest.raises(KitaruUsageError, match="cache_identity"):
        key(options=options)
    assert key(options=options, identity="v1") != key(options=options, identity="v2")


MODEL = {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 4, "costUSD": 0.5, "contextWindow": 9}
TOKENS = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 4}


def test_tokens_read_from_the_cache_are_part_of_the_input():
    summary = summary_of(Spent(TOKENS, {"m": MODEL}, 0.5))
    assert (summary.input_tokens, summary.cached_input_tokens, summary.total_tokens) == (14, 4, 19)
    assert summary.model_name == "m"


def test_without_usage_the_models_are_added_up():
    summary = summary_of(Spent({}, {"a": MODEL, "b": MODEL}, 1.0))
    assert (summary.input_tokens, summary.output_tokens, summary.model_name) == (28, 10, None)


def test_of_a_resumed_session_only_the_share_is_counted():
    before = SessionTotals("e", 0.3, {"m": {**MODEL, "inputTokens": 4, "costUSD": 0.3}})
    found = spent(TOKENS, {"m": MODEL}, 0.5, before=before)
    assert found.cost_usd == pytest.approx(0.2)
    assert found.model_usage["m"]["inputTokens"] == 6
    assert found.model_usage["m"]["contextWindow"] == 9


def test_a_share_that_cannot_be_known_is_said_so():
    found = spent(TOKENS, {"m": {**MODEL, "inputTokens": 40}}, 2.0, before=None)
    assert found.cost_usd is None
    assert "not known" in found.warnings[0]


def test_cost_comes_from_claude_then_from_the_calculator():
    assert price(Spent(TOKENS, {"m": MODEL}, 0.5), lambda _: 9).estimated_cost_usd == 0.5
    assert price(Spent(TOKENS, {"m": MODEL}, 0.0), lambda summary: summary.total_tokens).estimated_cost_usd == 19


def test_a_calculator_that_fails_is_a_warning():
    cost = price(Spent(TOKENS, {"m": MODEL}, None), lambda _: 1 / 0)
    assert cost.estimated_cost_usd is None
    assert "ZeroDivisionError" in cost.warnings[0]


class Call:
    call_id, attempt, name = "c", 1, "r_claude_invocation"


def test_several_models_make_several_records():
    found = Spent(TOKENS, {"a": MODEL, "b": {**MODEL, "costUSD": 0.1}}, 0.6)
    records = usage_records(Call, "r1", found, price(found, None))
    assert [(r["model"], r["cost"]["estimated_cost_usd"]) for r in records] == [("a", 0.5), ("b", 0.1)]
    assert len({r["record_id"] for r in records}) == 2
