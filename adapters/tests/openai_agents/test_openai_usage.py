"""What a run leaves to be looked at: events, summaries, tokens and cost."""

from __future__ import annotations

import json

import pytest
from agents import Agent, Usage, function_tool
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call
from agents.tool_context import ToolContext

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAICapturePolicy, OpenAIRunRequest
from kitaru_adapters.openai_agents.boundary import context_identity

START = OpenAIRunRequest.start("go")
TOKENS = Usage(requests=1, input_tokens=10, output_tokens=2, total_tokens=12)


class NamedModel(ScriptedModel):
    model = "gpt-test"


def agent_with_tools(model_class=NamedModel):
    @function_tool
    async def slow() -> str:
        return "slow"

    @function_tool
    async def quick() -> str:
        return "quick"

    calls = [function_call("slow", {}, call_id="a"), function_call("quick", {}, call_id="b")]
    steps = [ModelStep(output=calls, usage=TOKENS), ModelStep(output=[assistant_message("x")], usage=TOKENS)]
    return Agent(name="one", model=model_class(steps), tools=[quick, slow])


def test_events_stand_in_the_models_order_under_a_stable_label(story):
    told = story(lambda: KitaruRunner(agent_with_tools()).run(START))
    told.first()
    before = told.execution.metadata["openai_agents_events"]["one#1"]
    told.rerun()
    after = told.execution.metadata["openai_agents_events"]["one#1"]
    order = [(event["kind"], event.get("metadata", {}).get("tool_call_id")) for event in before]
    assert order == [("llm_call", None), ("tool_call", "a"), ("tool_call", "b"), ("llm_call", None)]
    assert [event["event_id"] for event in after] == [event["event_id"] for event in before]


def test_the_summary_counts_the_calls(story):
    told = story(lambda: KitaruRunner(agent_with_tools()).run(START))
    told.once()
    summary = told.execution.metadata["openai_agents_run_summaries"]["one#1"]
    assert (summary["status"], summary["model_call_count"], summary["tool_call_count"]) == ("completed", 2, 2)


def test_a_failed_run_leaves_a_summary_that_says_why(story):
    told = story(lambda: KitaruRunner(Agent(name="one", model=ScriptedModel([OSError("down")]))).run(START))
    with pytest.raises(kitaru.KitaruExecutionError):
        told.start().wait()
    summary = told.execution.metadata["openai_agents_run_summaries"]["one#1"]
    assert (summary["status"], summary["error"]["type"]) == ("failed", "OSError")


def test_every_model_call_has_one_usage_record(story):
    told = story(lambda: KitaruRunner(agent_with_tools()).run(START))
    told.once()
    records = told.execution.llm_usage_records
    assert [record["surface"] for record in records] == ["model_call", "model_call"]
    assert sum(record["usage"]["total_tokens"] for record in records) == 24


def test_reused_calls_do_not_count_as_spending_in_a_replay(story):
    agent = agent_with_tools()
    told = story(lambda: KitaruRunner(agent).run(START))
    told.once()
    agent.model.enqueue(ModelStep(output=[assistant_message("y")], usage=TOKENS))
    replayed = kitaru.KitaruClient().executions.replay(told.exec_id, from_="one_openai_model_call_2")
    kitaru.FlowHandle.from_exec_id(replayed.exec_id).wait()
    summary = kitaru.KitaruClient().executions.get(replayed.exec_id).llm_usage_summary
    assert summary["incurred_total_tokens"] == 12


def test_a_whole_run_has_one_usage_record(story):
    told = story(lambda: KitaruRunner(agent_with_tools(), checkpoint_strategy="runner_call").run(START))
    told.once()
    (record,) = told.execution.llm_usage_records
    assert (record["surface"], record["usage"]["total_tokens"]) == ("runner_call", 24)


def test_usage_is_absent_where_capture_says_so(story):
    told = story(lambda: KitaruRunner(agent_with_tools(), capture=OpenAICapturePolicy(save_usage=False)).run(START))
    assert told.once().usage is None
    assert told.execution.llm_usage_records == []


@pytest.mark.parametrize("strategy", ["calls", "runner_call"])
def test_a_run_is_priced_when_exactly_one_model_is_known(story, strategy):
    def price(summary):
        return summary.total_tokens / 100

    runner = KitaruRunner(agent_with_tools(), checkpoint_strategy=strategy, cost_calculator=price)
    assert story(lambda: runner.run(START)).once().estimated_cost_usd == pytest.approx(0.24)
    nameless = KitaruRunner(agent_with_tools(ScriptedModel), checkpoint_strategy=strategy, cost_calculator=price)
    assert story(lambda: nameless.run(START)).once().estimated_cost_usd is None


def test_trouble_in_the_calculator_becomes_a_warning(story):
    runner = KitaruRunner(agent_with_tools(), cost_calculator=lambda _: -1.0)
    result = story(lambda: runner.run(START)).once()
    assert (result.estimated_cost_usd, "cost_calculator" in result.warnings[0]) == (None, True)


def test_the_context_never_appears_in_what_is_stored(story):
    runner = KitaruRunner(agent_with_tools())
    told = story(lambda: runner.run(START, context={"password": "hunter2"}))
    told.once()
    assert "hunter2" not in json.dumps(told.execution.metadata, default=str)
    assert not any("hunter2" in repr(record) for record in told.records)


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"),
    [({"user": 1}, {"user": 1}, True), ({"user": 1}, {"user": 2}, False), (object(), object(), False)],
)
def test_the_contexts_identity_separates_cached_outcomes(mine, theirs, shared):
    assert (context_identity(mine, None) == context_identity(theirs, None)) is shared


def test_the_callers_own_rule_for_the_contexts_identity_wins():
    assert context_identity(object(), lambda _: "tenant-1") == "tenant-1"


def test_what_the_model_reads_is_stored_for_people_only_where_capture_says_so(story):
    def stored(capture):
        agent = agent_with_tools()
        agent.instructions = "whisper"
        told = story(lambda: KitaruRunner(agent, capture=capture).run(START))
        told.once()
        first = next(record.fact for record in told.records if type(record.fact).__name__ == "CheckpointCompleted")
        return first.history

    assert stored(OpenAICapturePolicy()).length == 2
    assert stored(OpenAICapturePolicy(save_input=False)) is None


def test_response_items_are_shown_only_when_asked_for(story):
    capture = OpenAICapturePolicy(save_response_items=True)
    told = story(lambda: KitaruRunner(agent_with_tools(), capture=capture).run(START))
    told.once()
    shown = told.execution.metadata["openai_agents_events"]["one#1"][0]["metadata"]["output"]
    assert [item["name"] for item in shown] == ["slow", "quick"]


def test_hosted_tools_are_observed(story):
    from openai.types.responses import Response

    search = {"id": "ws1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}
    items = [*Response.construct(output=[search]).output, assistant_message("x")]
    told = story(lambda: KitaruRunner(Agent(name="one", model=ScriptedModel([items]))).run(START))
    told.once()
    kinds = [event["kind"] for event in told.execution.metadata["openai_agents_events"]["one#1"]]
    assert kinds == ["llm_call", "hosted_tool_observed"]


def test_a_tool_that_a_hook_swaps_in_is_named_in_a_warning(story):
    from agents import AgentHooks

    @function_tool
    def late() -> str:
        return "late"

    class Hooks(AgentHooks):
        async def on_start(self, _context, agent):
            agent.tools = [*agent.tools, late]

    agent = Agent(name="one", model=ScriptedModel([[assistant_message("x")]]), hooks=Hooks())
    result = story(lambda: KitaruRunner(agent).run(START)).once()
    assert "'late'" in result.warnings[0]


def test_the_frameworks_traces_name_the_execution_and_the_run(story):
    seen: list[dict[str, str]] = []

    @function_tool
    def look(ctx: ToolContext[object]) -> str:
        seen.append(dict(ctx.run_config.trace_metadata))
        return "ok"

    steps = [[function_call("look", {}, call_id="a")], [assistant_message("x")]]
    told = story(lambda: KitaruRunner(Agent(name="one", model=ScriptedModel(steps), tools=[look])).run(START))
    told.once()
    assert seen == [{"kitaru_execution_id": told.exec_id, "kitaru_run_label": "one#1"}]


def test_a_whole_run_saves_its_summary_and_its_paused_state_as_artifacts(story):
    @function_tool(needs_approval=True)
    def act() -> str:
        return "done"

    steps = [[function_call("act", {}, call_id="a")]]
    agent = Agent(name="one", model=ScriptedModel(steps), tools=[act])
    told = story(lambda: KitaruRunner(agent, checkpoint_strategy="runner_call").run(START))
    result = told.once()
    saved = {artifact.name: artifact.load() for artifact in told.execution.artifacts}
    assert saved[result.run_summary_artifact_name]["status"] == "interrupted"
    assert saved[result.state_artifact_name] == result.pending_state.state_json


def test_everything_that_is_stored_can_be_read_by_somebody_without_the_adapter(story):
    told = story(lambda: KitaruRunner(agent_with_tools()).run(START))
    told.once()
    values = {artifact.name: artifact.load() for artifact in told.execution.artifacts}
    assert values["one_slow_tool_call"] == "slow"
    assert values["one_openai_model_call"]["output"][0]["content"][0]["text"] == "x"


def test_cached_outcomes_are_shared_between_executions_of_one_context(story):
    ran: list[int] = []
    models: list[ScriptedModel] = []

    @function_tool
    def act() -> str:
        ran.append(1)
        return "done"

    def run_as(who):
        models.append(ScriptedModel([[function_call("act", {}, call_id="a")], [assistant_message("x")]]))
        agent = Agent(name="one", model=models[-1], tools=[act])
        cached = {"cache": True}
        runner = KitaruRunner(agent, tool_checkpoint_config=cached, model_checkpoint_config=cached)
        return story(lambda: runner.run(START, context=who)).once().final_output

    assert [run_as(who) for who in ({"user": 1}, {"user": 1}, {"user": 2}, object(), object())] == ["x"] * 5
    assert len(ran) == 4
    assert [len(model.calls) for model in models] == [2, 0, 0, 0, 0]
