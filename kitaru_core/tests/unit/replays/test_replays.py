"""Deriving executions: what is reused, replaced and run."""

from __future__ import annotations

import pytest

from kitaru import (
    ExecutionStatus,
    KitaruClient,
    KitaruNotFoundError,
    KitaruStateError,
    KitaruUsageError,
    KitaruUserCodeError,
    checkpoint,
    flow,
    wait,
)

RAN: list[str] = []


@pytest.fixture(autouse=True)
def _forget():
    RAN.clear()


@checkpoint
def first(x):
    RAN.append(f"first {x}")
    return x + 1


@checkpoint
def second(x):
    RAN.append(f"second {x}")
    return x * 10


@checkpoint
def third() -> str:
    RAN.append("third")
    return "independent"


@flow
def steps(start=1):
    a = first(start)
    b = second(a)
    c = third()
    return a, b, c


@checkpoint
def item(n):
    RAN.append(f"item {n}")
    return n


@flow
def mapped():
    return sum(item.map([1, 2, 3]).result()), first(0)


def source(started=steps, *args):
    handle = started.run(*args)
    handle.wait(5)
    RAN.clear()
    return handle.exec_id


def statuses(exec_id):
    return [call.cache_status for call in KitaruClient().executions.get(exec_id).checkpoints]


@pytest.mark.parametrize("selector", ["second", "second#1", "second_1"])
def test_a_replay_reuses_what_came_before_and_runs_the_rest(selector):
    replayed = steps.replay(source(), from_=selector)
    assert replayed.wait(5) == (2, 20, "independent")
    assert RAN == ["second 2", "third"]
    assert statuses(replayed.exec_id) == ["reused", "executed", "executed"]


def test_a_call_id_selects_its_call(client):
    source_id = source()
    call = client.executions.get(source_id).checkpoints[2]
    steps.replay(source_id, from_=call.call_id).wait(5)
    assert RAN == ["third"]


def test_a_replay_knows_its_source(client):
    source_id = source()
    execution = client.executions.get(steps.replay(source_id, from_="third").exec_id)
    assert execution.original_exec_id == source_id


def test_reused_calls_name_the_calls_they_come_from(client):
    source_id = source()
    replayed = steps.replay(source_id, from_="third")
    replayed.wait(5)
    origin = client.executions.get(source_id).checkpoints[0]
    call = client.executions.get(replayed.exec_id).checkpoints[0]
    assert (call.original_call_id, call.original_exec_id) == (origin.call_id, source_id)


@pytest.mark.parametrize(
    ("from_", "overrides", "result", "ran"),
    [
        ("third", {"checkpoint.first": 100}, (100, 1000, "independent"), ["second 100", "third"]),
        ("second", {"checkpoint.second": 7}, (2, 7, "independent"), ["third"]),
        ("second", {"checkpoint.third": "told"}, (2, 20, "told"), ["second 2"]),
        ("third", {"checkpoint.first": 5, "checkpoint.second": 6}, (5, 6, "independent"), ["third"]),
    ],
    ids=["before", "at", "after", "two"],
)
def test_overrides_replace_values_and_run_what_follows(from_, overrides, result, ran):
    replayed = steps.replay(source(), from_=from_, overrides=overrides)
    assert (replayed.wait(5), RAN) == (result, ran)


def test_an_override_that_nothing_asks_for_is_said(caplog):
    @flow
    def perhaps(start):
        a = first(start)
        return a if a > 5 else second(a)

    handle = perhaps.run(1)
    handle.wait(5)
    replayed = perhaps.replay(handle.exec_id, from_="first", overrides={"checkpoint.second": 7}, start=10)
    assert replayed.wait(5) == 11
    assert "Nothing asked for what was to be overridden: second" in caplog.text


def test_a_dry_run_says_what_would_happen_and_does_nothing(client):
    source_id = source()
    plan = client.executions.replay(source_id, from_="second", overrides={"checkpoint.third": "x"}, dry_run=True)
    assert (plan.reused, plan.overridden, plan.runs) == (["first"], ["third"], ["second"])
    assert (RAN, len(client.executions.list())) == ([], 1)


def test_new_inputs_do_not_force_earlier_calls_to_run():
    replayed = steps.replay(source(), from_="second", start=50)
    assert (replayed.wait(5)[0], RAN) == (2, ["second 2", "third"])


def test_an_unknown_input_is_refused():
    with pytest.raises(KitaruUsageError, match="'nope'"):
        steps.replay(source(), from_="second", nope=1)


@pytest.mark.parametrize(
    ("selector", "error"), [("", KitaruUsageError), ("nope", KitaruStateError), ("item", KitaruStateError)]
)
def test_selectors_that_name_no_call_or_several_are_refused(selector, error, client):
    with pytest.raises(error):
        client.executions.replay(source(mapped), from_=selector)


def test_an_ambiguous_name_lists_the_calls(client):
    with pytest.raises(KitaruStateError, match=r"item#2 = map:item:1"):
        client.executions.replay(source(mapped), from_="item")


@pytest.mark.parametrize("key", ["wait.answer", "first", "checkpoint.", "other.first"])
def test_keys_that_are_no_override_are_refused(key, client):
    with pytest.raises(KitaruUsageError):
        client.executions.replay(source(), from_="second", overrides={key: 1})


def test_an_override_that_does_not_fit_the_annotation_is_refused():
    with pytest.raises((KitaruUsageError, KitaruUserCodeError), match="annotation"):
        steps.replay(source(), from_="third", overrides={"checkpoint.third": 3}).wait(5)


def test_a_child_of_a_map_runs_again_with_everything_after_the_group():
    replayed = mapped.replay(source(mapped), from_="map:item:1")
    assert replayed.wait(5) == (6, 1)
    assert RAN == ["item 2", "first 0"]


def test_an_unknown_source_is_not_found(client):
    with pytest.raises(KitaruNotFoundError):
        client.executions.replay("nope", from_="first")


def test_a_source_without_checkpoints_is_refused(client):
    handle = flow(lambda: 1).run()
    handle.wait(5)
    with pytest.raises(KitaruStateError, match="no checkpoints"):
        client.executions.replay(handle.exec_id, from_="first")


@flow
def asks():
    value = first(1)
    if wait(name="go", timeout=0):
        return second(value)
    return None


def paused_replay(client, **options):
    handle = asks.run()
    client.executions.wait(handle.exec_id, timeout=5)
    client.executions.input(handle.exec_id, wait="go", value=True, resume=True)
    handle.wait(5)
    RAN.clear()
    replayed = client.executions.replay(handle.exec_id, from_="second", **options)
    return client.executions.wait(replayed.exec_id, timeout=5)


def test_waits_are_asked_again_in_a_replay(client):
    assert paused_replay(client).status is ExecutionStatus.WAITING


def test_answers_of_the_source_count_when_asked_for(client):
    assert paused_replay(client, reuse_waits=True).status is ExecutionStatus.COMPLETED


def test_a_waiting_source_can_be_replayed(client):
    handle = asks.run()
    client.executions.wait(handle.exec_id, timeout=5)
    replayed = client.executions.replay(handle.exec_id, from_="first")
    assert client.executions.wait(replayed.exec_id, timeout=5).status is ExecutionStatus.WAITING


def test_a_failed_source_can_be_replayed_with_a_corrected_value(client):
    @flow
    def breaks():
        return 1 // (first(-1) * 1)

    handle = breaks.run()
    with pytest.raises(KitaruUserCodeError):
        handle.wait(5)
    replayed = breaks.replay(handle.exec_id, from_="first", overrides={"checkpoint.first": 1})
    assert replayed.wait(5) == 1


def test_a_replay_can_be_replayed_and_its_source_deleted_meanwhile():
    once = steps.replay(source(), from_="second")
    once.wait(5)
    RAN.clear()
    twice = steps.replay(once.exec_id, from_="third")
    assert (twice.wait(5), RAN) == ((2, 20, "independent"), ["third"])


def test_an_idempotency_key_is_the_same_in_an_execution_and_its_replay():
    from kitaru import current_call

    keys = []

    @checkpoint
    def pays():
        keys.append(current_call().idempotency_key)
        return 1

    @flow
    def shop():
        return pays()

    handle = shop.run()
    handle.wait(5)
    shop.replay(handle.exec_id, from_="pays").wait(5)
    assert keys[0] == keys[1]


def test_what_reused_calls_saved_logged_and_used_is_visible_in_the_replay(client):
    from kitaru import current_call, log, save

    @checkpoint
    def leaves():
        save("note", [1], type="context")
        log(color="red")
        current_call().record_usage({"usage": {"total_tokens": 5}, "model": "m"})
        return 1

    @flow
    def body():
        return leaves() + second(1)

    handle = body.run()
    handle.wait(5)
    execution = client.executions.get(body.replay(handle.exec_id, from_="second").exec_id)
    client.executions.wait(execution.exec_id, timeout=5)
    execution = execution.refresh()
    assert execution.checkpoints[0].metadata == {"color": "red"}
    assert client.artifacts.list(execution.exec_id, name="note")[0].load() == [1]
    assert execution.llm_usage_summary["reused_total_tokens"] == 5
