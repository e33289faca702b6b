from __future__ import annotations

import json

import pytest

from kitaru_adapters.kit.redaction import HIDDEN, shown_settings

SECRET = "hunter22-not-for-anyone"


@pytest.mark.parametrize(
    "settings",
    [
        {"apiKey": SECRET},
        {"key": SECRET},
        {"client_secret": {"deep": [SECRET]}},
        {"headers": {"X-Custom": SECRET}},
        {"env": {"REGION": SECRET}},
        {"url": f"https://me:{SECRET}@host/mcp"},
        {"url": f"https://host/mcp?code={SECRET}#{SECRET}"},
        {"url": f"https://[{SECRET}"},
        {"args": ["--api-key", SECRET]},
        {"args": [f"--api-key={SECRET}"]},
        {"mcp-config": json.dumps({"headers": {"X-Custom": SECRET}})},
    ],
)
def test_no_secret_is_shown(settings):
    assert SECRET not in json.dumps(shown_settings(settings))


def test_names_limits_and_plain_texts_stay():
    settings = {
        "max_output_tokens": 99,
        "model": "m-1",
        "keyword": "tides",
        "args": ["--verbose", "serve", "--port", 80],
        "url": "https://host:8080/mcp",
        "nothing": None,
    }
    assert shown_settings(settings) == settings


def test_what_is_hidden_is_named():
    assert shown_settings({"headers": {"X-Custom": SECRET}}) == {"headers": {"X-Custom": HIDDEN}}
