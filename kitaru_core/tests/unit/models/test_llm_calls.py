from __future__ import annotations

import asyncio

import pytest

from kitaru import KitaruClient, checkpoint, flow
from kitaru.authoring.llm_calls import llm, llm_async
from kitaru.errors import KitaruContextError, KitaruExecutionError, KitaruUsageError
from kitaru.models.aliases import register_model_alias
from kitaru.models.api import ModelReply
from kitaru.secrets.registry import create_secret
from kitaru.settings.runtime import configure

FIGURES = ModelReply(text="four", model="small-2026", input_tokens=10, output_tokens=2, actual_cost_usd=0.5)


def _run(body, *args):
    """Run a body as a flow and return its result with the execution."""
    handle = flow(body).run(*args)
    result = handle.wait(timeout=30)
    return result, KitaruClient().executions.get(handle.exec_id)


def _call(execution, invocation_id):
    return next(call for call in execution.checkpoints if call.invocation_id == invocation_id)


def _artifacts(execution):
    return {artifact.name: artifact for artifact in execution.artifacts}


def test_in_the_flow_body_a_call_is_a_boundary_of_its_own(keyed):
    def body():
        return llm("2 + 2?", model="stub/small", system="be brief", temperature=0, max_tokens=5)

    result, execution = _run(body)
    assert result == "answer 1"
    assert [(call.invocation_id, call.checkpoint_type) for call in execution.checkpoints] == [("llm_1", "llm_call")]
    (request,) = keyed.requests
    assert request.messages == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "2 + 2?"}]
    assert (request.model, request.temperature, request.max_tokens) == ("small", 0, 5)


def test_prompt_and_response_are_kept_as_artifacts(keyed):
    _, execution = _run(lambda: llm([{"role": "user", "content": "  hi ", "name": "ann"}], model="stub/small"))
    found = _artifacts(execution)
    assert found["llm_1_prompt"].kind == "prompt"
    assert found["llm_1_prompt"].load() == [{"role": "user", "content": "  hi ", "name": "ann"}]
    assert (found["llm_1_response"].kind, found["llm_1_response"].load()) == ("response", "answer 1")


def test_in_a_checkpoint_calls_are_part_of_it(keyed):
    @checkpoint
    def twice():
        return llm("one", model="stub/small") + llm("two", model="stub/small", name="last one")

    def body():
        return twice()

    result, execution = _run(body)
    assert result == "answer 1answer 2"
    assert [call.invocation_id for call in execution.checkpoints] == ["twice"]
    assert set(execution.checkpoints[0].metadata["llm_calls"]) == {"llm_1", "last_one"}
    assert {"llm_1_prompt", "llm_1_response", "last_one_prompt", "last_one_response"} <= _artifacts(execution).keys()
    assert len(execution.checkpoints[0].llm_usage_records) == 2
    assert len(keyed.requests) == 2


@pytest.mark.usefixtures("keyed")
def test_names_are_made_safe_and_numbered():
    @checkpoint
    def inside():
        return [llm("x", model="stub/small", name="a") for _ in range(2)]

    def body():
        for name in (None, "my -- call!", "my call!", "2nd", None):
            llm("x", model="stub/small", name=name)
        inside()

    _, execution = _run(body)
    assert [call.invocation_id for call in execution.checkpoints] == [
        *("llm_1", "my_call_", "my_call__2", "llm_2nd", "llm_2", "inside"),
    ]
    assert set(execution.checkpoints[-1].metadata["llm_calls"]) == {"a", "a_2"}


def test_an_answer_is_paid_for_once(keyed):
    fail = [True]

    @checkpoint
    def after(text):
        if fail:
            raise OSError(fail.pop())
        return text

    def body():
        return after(llm("x", model="stub/small"))

    handle = flow(body).run()
    with pytest.raises(KitaruExecutionError):
        handle.wait(timeout=30)
    KitaruClient().executions.retry(handle.exec_id)
    assert handle.wait(timeout=30) == "answer 1"
    assert len(keyed.requests) == 1


def test_calls_of_an_asynchronous_flow(keyed):
    @checkpoint
    async def inside():
        return await llm_async("x", model="stub/small")

    async def body():
        pair = await asyncio.gather(llm_async("a", model="stub/small"), llm_async("b", model="stub/small"))
        return [*pair, await inside()]

    result, execution = _run(body)
    assert sorted(result) == ["answer 1", "answer 2", "answer 3"]
    assert sorted(call.invocation_id for call in execution.checkpoints) == ["inside", "llm_1", "llm_2"]
    assert len(keyed.requests) == 3


@pytest.mark.parametrize("call", [lambda: llm("x", model="stub/small"), lambda: asyncio.run(llm_async("x"))])
def test_outside_of_a_flow_it_is_refused(call, keyed):
    with pytest.raises(KitaruContextError, match="flow"):
        call()
    assert keyed.requests == []


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": " "},
        {"prompt": []},
        {"prompt": None},
        {"prompt": ["x"]},
        {"prompt": [{"role": "user"}]},
        {"prompt": [{"content": "x"}]},
        {"prompt": [{"role": " ", "content": "x"}]},
        {"prompt": "x", "system": " "},
        {"prompt": "x", "model": " "},
        {"prompt": "x", "name": " "},
        {"prompt": "x", "temperature": -1},
        {"prompt": "x", "temperature": float("nan")},
        {"prompt": "x", "max_tokens": 0},
        {"prompt": "x", "max_tokens": 1.5},
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_recorded(given, keyed):
    def body():
        with pytest.raises(KitaruUsageError, match=r"llm\(|prompt"):
            llm(**{"model": "stub/small", **given})

    _, execution = _run(body)
    assert execution.checkpoints == []
    assert keyed.requests == []


def test_usage_and_cost_are_recorded_and_summed_up(keyed):
    keyed.answers = [FIGURES, FIGURES]

    def body():
        llm("x", model="stub/small")
        llm("x", model="stub/small", name="again")

    _, execution = _run(body)
    (record,) = _call(execution, "again").llm_usage_records
    assert record["usage"] == {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
    assert record["cost"] == {
        "actual_cost_usd": 0.5,
        "currency": "USD",
        "source": "provider_reported",
        "source_label": "stub",
    }
    named = ("adapter", "surface", "model", "resolved_model", "provider", "status", "billing_effect", "cache_status")
    assert [record[name] for name in named] == [
        *("kitaru.llm", "direct_llm", "small-2026", "stub/small", "stub", "completed", "incurred", "executed"),
    ]
    summary = execution.llm_usage_summary
    assert (summary["usage_record_count"], summary["total_tokens"], summary["actual_cost_usd"]) == (2, 24, 1.0)


def test_metadata_says_which_model_and_credential_and_leaves_out_the_unknown(keyed):
    keyed.answers = [ModelReply(text="four", input_tokens=3)]
    register_model_alias("fast", model="stub/small")
    _, execution = _run(lambda: llm("x"))
    shown = _call(execution, "llm_1").metadata["llm_calls"]["llm_1"]
    assert shown.pop("latency_ms") >= 0
    assert shown == {
        "alias": "fast",
        "resolved_model": "stub/small",
        "credential_source": "environment",
        "tokens_input": 3,
    }


@pytest.mark.parametrize("policy", ["auto", "off"])
def test_costs_are_estimated_unless_switched_off(policy, keyed, monkeypatch):
    monkeypatch.setenv("KITARU_LLM_ESTIMATED_COSTS", policy)
    keyed.answers = [ModelReply(text="four", input_tokens=3, output_tokens=1)]
    _, execution = _run(lambda: llm("x", model="stub/small"))
    (record,) = _call(execution, "llm_1").llm_usage_records
    assert record["cost"] == {"currency": "USD", "source": "none"}
    assert len(record["warnings"]) == (policy == "auto")


@pytest.mark.parametrize("text", ["canned", ""])
def test_a_canned_answer_needs_no_credential_and_calls_nobody(text, provider, monkeypatch):
    monkeypatch.setenv("KITARU_LLM_MOCK_RESPONSE", text)

    @checkpoint
    def inside():
        return llm("x", model="openai/gpt-5")

    result, execution = _run(lambda: [llm("x", model="stub/small"), inside()])
    assert result == [text, text]
    assert provider.requests == []
    assert _artifacts(execution)["llm_1_response"].load() == text
    (record,) = _call(execution, "inside").llm_usage_records
    assert (record["billing_effect"], record["cache_status"], record["provider"]) == ("unknown", "unknown", "openai")


def test_a_canned_answer_still_needs_a_model(monkeypatch):
    monkeypatch.setenv("KITARU_LLM_MOCK_RESPONSE", "canned")
    with pytest.raises(KitaruExecutionError, match="No model was named"):
        flow(lambda: llm("x")).run().wait(timeout=30)


def test_the_environment_goes_before_the_secret_of_the_alias(provider, monkeypatch):
    create_secret("prod", {"STUB_API_KEY": "key-of-the-secret", "STUB_BASE_URL": "http://secret"})
    register_model_alias("fast", model="stub/small", secret="prod")

    def body():
        return llm("x")

    _run(body)
    monkeypatch.setenv("STUB_OTHER_KEY", "key-of-the-environment")
    _, execution = _run(body)
    assert [dict(request.credentials) for request in provider.requests] == [
        {"STUB_API_KEY": "key-of-the-secret", "STUB_BASE_URL": "http://secret"},
        {"STUB_OTHER_KEY": "key-of-the-environment"},
    ]
    assert _call(execution, "llm_1").metadata["llm_calls"]["llm_1"]["credential_source"] == "environment"


@pytest.mark.parametrize(
    ("secret", "told"), [({"OTHER": "x"}, "does not hold it either"), (None, "the alias 'fast' has no secret")]
)
def test_missing_credentials_are_an_error_that_says_where_was_looked(secret, told, provider):
    if secret is not None:
        create_secret("prod", secret)
    register_model_alias("fast", model="stub/small", secret=None if secret is None else "prod")
    with pytest.raises(KitaruExecutionError, match=f"STUB_API_KEY or STUB_OTHER_KEY is not set.*{told}"):
        flow(lambda: llm("x")).run().wait(timeout=30)
    assert provider.requests == []


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize(("model", "told"), [("nobody/x", "no provider 'nobody'.*stub"), ("small", "neither an alias")])
def test_a_model_nobody_serves_is_an_error_that_names_the_providers(model, told):
    with pytest.raises(KitaruExecutionError, match=told):
        flow(lambda: llm("x", model=model)).run().wait(timeout=30)


def test_a_failing_provider_leaves_no_credential_anywhere(keyed, store):
    keyed.answers = [OSError("key-of-the-environment was refused")]

    def body():
        return llm("x", model="stub/small")

    handle = flow(body).run()
    with pytest.raises(KitaruExecutionError, match=r"'stub' could not answer.*\[redacted\] was refused") as caught:
        handle.wait(timeout=30)
    assert "key-of-the-environment" not in str(caught.value)
    folder = store.parent
    assert not any(b"key-of-the-environment" in file.read_bytes() for file in folder.iterdir())
    call = _call(KitaruClient().executions.get(handle.exec_id), "llm_1")
    assert call.llm_usage_records[0]["status"] == "failed"


def test_the_registry_travels_with_the_execution(provider, monkeypatch):
    monkeypatch.setenv("STUB_API_KEY", "key-of-the-environment")
    register_model_alias("fast", model="stub/first")
    blocked = [True]

    def body():
        if blocked:
            raise OSError(blocked.pop())
        return llm("x")

    handle = flow(body).run()
    with pytest.raises(KitaruExecutionError):
        handle.wait(timeout=30)
    register_model_alias("fast", model="stub/second")
    KitaruClient().executions.retry(handle.exec_id)
    handle.wait(timeout=30)
    assert provider.requests[0].model == "first"


def test_costs_may_be_switched_off_in_code(keyed):
    keyed.answers = [ModelReply(text="four", input_tokens=3)]
    configure(llm_estimated_costs="off")
    try:
        _, execution = _run(lambda: llm("x", model="stub/small"))
    finally:
        configure(llm_estimated_costs=None)
    assert _call(execution, "llm_1").llm_usage_records[0]["warnings"] == []
