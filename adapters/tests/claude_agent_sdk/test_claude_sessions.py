"""Claude's sessions in the journal, resumed, replayed and paid for once."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from claude_agent_sdk.testing import run_session_store_conformance

from kitaru import checkpoint, load
from kitaru.adapters.claude_agent_sdk import ClaudeRunRequest, KitaruSessionStore
from kitaru.errors import KitaruUsageError
from kitaru.seam import Unit, run_unit_async
from kitaru_adapters.claude_agent_sdk.transcript import read_entries

GO = ClaudeRunRequest.start("go")


def test_the_store_fulfils_the_sdks_published_contract(flows):
    async def contract(call):
        await run_session_store_conformance(lambda: KitaruSessionStore(call, label=uuid.uuid4().hex))
        return "kept"

    async def body():
        return (await run_unit_async(Unit(name="contract"), contract)).value

    assert flows.run(body) == "kept"


def test_a_batch_that_comes_twice_is_loaded_once(flows):
    key = {"project_key": "p", "session_id": "s"}
    entries = [{"type": "x", "uuid": "1"}, {"type": "title"}]

    async def twice(call):
        store = KitaruSessionStore(call)
        await store.append(key, entries)
        await store.append(key, entries)
        return await store.load(key)

    async def body():
        return (await run_unit_async(Unit(name="twice"), twice)).value

    assert flows.run(body) == [*entries, {"type": "title"}]


def test_a_resumed_session_goes_on_and_only_its_share_is_counted(api, make_runner, flows):
    def body():
        first = make_runner().run_sync(GO)
        return first, make_runner().run_sync(ClaudeRunRequest.resume("more", first.session_id))

    first, second = flows.run(body)
    assert second.session_id == first.session_id
    assert api.turns[-1].index == 1
    assert second.cost_usd == pytest.approx(first.cost_usd)
    assert [usage["inputTokens"] for usage in second.model_usage.values()] == [10]


@pytest.mark.parametrize("policy", ["rerun", "continue"])
def test_of_a_resumed_session_only_what_was_added_is_saved(make_runner, flows, policy):
    @checkpoint
    def saved(execution_id, name):
        return load(execution_id, name)["content"]

    def body():
        first = make_runner(name="a", on_interrupted=policy).run_sync(ClaudeRunRequest.start("say one"))
        request = ClaudeRunRequest.resume("say two", first.session_id)
        second = make_runner(name="b", on_interrupted=policy).run_sync(request)
        return [saved(r.metadata["execution_id"], r.transcript_artifact_name) for r in (first, second)]

    one, two = flows.run(body)
    assert ("say one" in one, "say two" in one) == (True, False)
    assert ('"content":"say one"' in two.replace(": ", ":"), "say two" in two) == (False, True)


def test_a_replay_forks_the_session_of_its_source(make_runner, flows):
    def body():
        first = make_runner(name="first").run_sync(GO)
        return first, make_runner(name="second").run_sync(ClaudeRunRequest.resume("more", first.session_id))

    handle = flows.start(body)
    first, _ = handle.wait(timeout=30)
    before = Path(first.transcript_path).read_bytes()
    replayed = flows.flow.replay(handle.exec_id, from_="second_claude_invocation").wait(timeout=30)
    assert replayed[0] == first
    assert replayed[1].session_id != first.session_id
    assert replayed[1].final_text == "done"
    assert Path(first.transcript_path).read_bytes() == before


def test_another_home_can_resume_a_session_that_the_journal_keeps(api, make_options, make_runner, flows, tmp_path):
    elsewhere = make_options()
    elsewhere.env.update(HOME=str(tmp_path / "new"), CLAUDE_CONFIG_DIR=str(tmp_path / "new"))

    def body():
        first = make_runner(name="a", on_interrupted="continue").run_sync(GO)
        request = ClaudeRunRequest.resume("more", first.session_id)
        second = make_runner(name="b", options=elsewhere, on_interrupted="continue").run_sync(request)
        request = ClaudeRunRequest.resume("and more", first.session_id)
        return make_runner(name="c", on_interrupted="continue").run_sync(request), second

    flows.run(body)
    assert [turn.index for turn in api.turns] == [0, 1, 2]


@pytest.mark.parametrize("option", ["enable_file_checkpointing", "continue_conversation"])
def test_options_that_do_not_go_with_kept_sessions_are_refused(make_options, make_runner, flows, option):
    runner = make_runner(options=make_options(**{option: True}), on_interrupted="continue")

    def body():
        with pytest.raises(KitaruUsageError, match=option):
            runner.run_sync(GO)

    flows.run(body)


def test_a_transcript_has_one_entry_a_line_whatever_its_texts_hold(tmp_path):
    entry = {"type": "user", "uuid": "1", "message": {"role": "user", "content": "one\u2028two\x85three\u2029four"}}
    file = tmp_path / "session.jsonl"
    file.write_text(json.dumps(entry, ensure_ascii=False) + '\n{"type": "user", "cut', encoding="utf-8")
    assert read_entries(file) == [entry]
