from __future__ import annotations

import json

import pytest

from kitaru.errors import KitaruStateError, KitaruUsageError
from kitaru.settings.resolve import (
    ExecutionSettings,
    durability,
    llm_estimated_costs,
    max_concurrency,
    resolve_execution_settings,
)
from kitaru.settings.runtime import configure
from kitaru.settings.user_file import update_user_file


def _stacks(*names: str) -> None:
    with update_user_file() as content:
        content["stacks"] = [{"id": f"id-{name}", "name": name} for name in names]


def test_nothing_set_gives_the_built_in_values(home):
    found = resolve_execution_settings()
    assert found == ExecutionSettings(sources={"stack": "active stack"})
    assert not home.exists()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("retries", [5, 4, 3, 2, 1]),
        ("cache", [True, False, True, False, True]),
        ("stack", ["five", "four", "three", "two", "one"]),
    ],
)
def test_each_layer_wins_over_the_weaker_ones(field, values, project, monkeypatch):
    _stacks("one", "two", "three", "four", "five")
    invocation, flow, configured, environment, file = values
    project(f"[tool.kitaru]\n{field} = {json.dumps(file)}")
    assert getattr(resolve_execution_settings(), field) == file
    monkeypatch.setenv(f"KITARU_{field.upper()}", str(environment))
    assert getattr(resolve_execution_settings(), field) == environment
    configure(**{field: configured})
    assert getattr(resolve_execution_settings(), field) == configured
    assert getattr(resolve_execution_settings({}, {field: flow}), field) == flow
    assert getattr(resolve_execution_settings({field: invocation}, {field: flow}), field) == invocation


def test_sources_name_the_layer_that_decided(monkeypatch):
    monkeypatch.setenv("KITARU_RETRIES", "2")
    found = resolve_execution_settings({"cache": False}, {"retries": None})
    assert found.sources == {"stack": "active stack", "retries": "environment", "cache": "invocation"}
    assert found.as_dict()["cache_source"] == "invocation"


def test_images_are_merged_field_by_field_and_variable_by_variable(project, monkeypatch):
    project('[tool.kitaru.image]\nuser = "app"\nbase_image = "weak"\nenvironment = {A = "1", B = "1"}')
    monkeypatch.setenv("KITARU_IMAGE", '{"parent_image": "strong", "environment": {"B": "2"}}')
    image = resolve_execution_settings({"image": {"environment": {"C": 3}}}).image
    assert image.as_dict() == {"base_image": "strong", "user": "app", "environment": {"A": "1", "B": "2", "C": "3"}}


def test_the_active_stack_is_the_last_word_on_stacks(monkeypatch):
    _stacks("gpu")
    with update_user_file() as content:
        content["active_stack"] = "gpu"
    assert resolve_execution_settings().stack == "gpu"
    monkeypatch.setenv("KITARU_STACK", "default")
    assert resolve_execution_settings().stack == "default"


def test_a_stack_may_be_named_by_its_id():
    _stacks("gpu")
    assert resolve_execution_settings({"stack": "id-gpu"}).stack == "gpu"


def test_an_unknown_stack_is_refused_and_the_known_ones_named():
    _stacks("gpu")
    with pytest.raises(KitaruStateError, match=r"no stack 'gone'.*default, gpu"):
        resolve_execution_settings({"stack": "gone"})


def test_an_active_stack_that_is_gone_never_becomes_the_default_one():
    with update_user_file() as content:
        content["active_stack"] = "gone"
    with pytest.raises(KitaruStateError, match="no stack 'gone'"):
        resolve_execution_settings()


def test_the_frozen_spec_is_json_and_holds_no_secret(monkeypatch):
    monkeypatch.setenv("KITARU_SERVER_URL", "https://kitaru.example.com/")
    monkeypatch.setenv("KITARU_AUTH_TOKEN", "tok-very-secret")
    monkeypatch.setenv("KITARU_PROJECT", "p")
    monkeypatch.setenv("KITARU_MODEL_REGISTRY", '{"aliases": {"fast": {"model": "openai/gpt-5", "secret": "prod"}}}')
    spec = resolve_execution_settings(
        {"image": {"environment": {"API_KEY": "abc-secret", "PRIMARY_KEY": "x", "REGION": "eu"}}}
    ).as_dict()
    text = json.dumps(spec)
    assert "secret" not in text.replace('"secret": "prod"', "")
    assert spec["image"]["environment"] == {"API_KEY": "***", "PRIMARY_KEY": "***", "REGION": "eu"}
    assert spec["server_url"] == "https://kitaru.example.com"
    assert spec["model_registry"] == {"aliases": {"fast": {"model": "openai/gpt-5", "secret": "prod"}}}
    assert spec["version"] == 1


def test_the_frozen_spec_of_a_plain_run_is_small():
    assert len(json.dumps(resolve_execution_settings().as_dict())) < 100


def test_estimated_costs_durability_and_concurrency_follow_the_same_order(project, monkeypatch):
    project('[tool.kitaru]\nllm_estimated_costs = false\ndurability = "process"\nmax_concurrency = 2')
    assert (llm_estimated_costs(), durability(), max_concurrency()) == ("off", "process", 2)
    monkeypatch.setenv("KITARU_LLM_ESTIMATED_COSTS", "on")
    monkeypatch.setenv("KITARU_DURABILITY", "power")
    monkeypatch.setenv("KITARU_MAX_CONCURRENCY", "3")
    assert (llm_estimated_costs(), durability(), max_concurrency()) == ("auto", "power", 3)
    configure(llm_estimated_costs="off", durability="process", max_concurrency=4)
    assert (llm_estimated_costs(), durability(), max_concurrency()) == ("off", "process", 4)


def test_strict_replay_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("KITARU_STRICT_REPLAY", "1")
    assert resolve_execution_settings().strict
    monkeypatch.setenv("KITARU_STRICT_REPLAY", "perhaps")
    with pytest.raises(KitaruUsageError, match="KITARU_STRICT_REPLAY"):
        resolve_execution_settings()


def test_a_server_nobody_can_talk_to_is_not_passed_over_in_silence(monkeypatch, caplog):
    monkeypatch.setenv("KITARU_SERVER_URL", "https://other.example.com")
    with pytest.raises(KitaruUsageError, match="KITARU_AUTH_TOKEN"):
        resolve_execution_settings()
    monkeypatch.setenv("KITARU_AUTH_TOKEN", "tok-very-secret")
    monkeypatch.setenv("KITARU_PROJECT", "p")
    for _ in range(2):
        resolve_execution_settings()
    told = [text for record in caplog.records if "other.example.com" in (text := record.getMessage())]
    assert len(told) == 1
    assert "on this machine" in told[0]
