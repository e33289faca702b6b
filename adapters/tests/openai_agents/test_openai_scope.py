"""Where a runner may be used, and what it leaves untouched."""

from __future__ import annotations

import pytest
from agents import Agent, RunConfig, RunHooks, function_tool, handoff
from agents.models.interface import ModelProvider
from agents.testing import ScriptedModel, assistant_message, function_call
from agents.tool import CustomTool, ShellTool
from agents.tool_context import ToolContext
from openai.types.responses import Response

import kitaru
from kitaru.adapters.openai_agents import KitaruRunner, OpenAIRunRequest

START = OpenAIRunRequest.start("go")


def poet(*texts, name="poet", **more):
    return Agent(name=name, model=ScriptedModel([[assistant_message(text)] for text in texts]), **more)


def test_calls_inside_a_checkpoint_is_refused(story):
    runner = KitaruRunner(poet("hi"))

    @kitaru.checkpoint
    async def inner() -> str:
        return str(await runner.run(START))

    told = story(inner)
    with pytest.raises(kitaru.KitaruExecutionError, match="flow's body"):
        told.start().wait()


def test_runner_call_inside_a_checkpoint_is_part_of_it(story):
    runner = KitaruRunner(poet("hi"), checkpoint_strategy="runner_call")

    @kitaru.checkpoint
    async def inner() -> str:
        return (await runner.run(START)).final_output

    told = story(inner)
    assert told.once() == "hi"
    assert told.names == ["inner"]


def test_runner_call_is_one_unit_that_reruns_without_a_call(story):
    agent = poet("hi")
    told = story(lambda: KitaruRunner(agent, checkpoint_strategy="runner_call").run(START))
    assert told.first() == told.rerun()
    assert (told.names, len(agent.model.calls)) == (["poet_openai_runner_call"], 1)


def test_the_users_objects_are_unchanged_after_a_run_and_after_a_failure(story):
    @function_tool
    def add(a: int, b: int) -> int:
        return a + b

    other = poet("never", name="other")
    agent = Agent(name="calc", model=ScriptedModel([OSError("down")]), tools=[add], handoffs=[other])
    before = {name: list(value) if isinstance(value, list) else value for name, value in vars(agent).items()}
    invoke = add.on_invoke_tool
    with pytest.raises(kitaru.KitaruExecutionError):
        story(lambda: KitaruRunner(agent).run(START)).start().wait()
    assert vars(agent) == before
    assert (agent.tools[0], add.on_invoke_tool, agent.handoffs[0]) == (add, invoke, other)


async def test_outside_a_flow_calls_opens_one_of_its_own():
    result = await KitaruRunner(poet("hi")).run(START)
    (execution,) = kitaru.KitaruClient().executions.list()
    assert (result.final_output, execution.flow_name, execution.status) == ("hi", "poet", "completed")


async def test_outside_a_flow_runner_call_runs_plainly():
    result = await KitaruRunner(poet("hi"), checkpoint_strategy="runner_call").run(START)
    assert result.final_output == "hi"
    assert kitaru.KitaruClient().executions.list() == []


def test_an_opted_out_tool_runs_every_time_and_only_it(story):
    ran: list[str] = []

    @function_tool
    def kept() -> str:
        ran.append("kept")
        return "k"

    @function_tool
    def free() -> str:
        ran.append("free")
        return "f"

    calls = [function_call("kept", {}, call_id="a"), function_call("free", {}, call_id="b")]
    agent = Agent(name="two", model=ScriptedModel([calls, [assistant_message("x")]]), tools=[kept, free])
    runner = KitaruRunner(agent, tool_checkpoint_config_by_name={"free": False})
    told = story(lambda: runner.run(START))
    told.first()
    told.rerun()
    assert (ran.count("kept"), ran.count("free")) == (1, 2)


def test_a_tools_own_configuration_replaces_the_default(story):
    @function_tool
    def act() -> str:
        return "done"

    steps = [[function_call("act", {}, call_id="a")], [assistant_message("x")]]
    agent = Agent(name="one", model=ScriptedModel(steps), tools=[act])
    runner = KitaruRunner(
        agent, tool_checkpoint_config={"type": "general"}, tool_checkpoint_config_by_name={"act": {"type": "special"}}
    )
    told = story(lambda: runner.run(START))
    told.once()
    assert [call.checkpoint_type for call in told.execution.checkpoints] == ["llm_call", "special", "llm_call"]


def test_a_custom_tool_is_a_unit_with_its_own_configuration(story):
    ran: list[str] = []

    async def invoke(_ctx, text):
        ran.append(text)
        return f"did {text}"

    tool = CustomTool(name="patch", description="", on_invoke_tool=invoke)
    call = {"type": "custom_tool_call", "id": "i1", "call_id": "c1", "name": "patch", "input": "it"}

    items = Response.construct(output=[call]).output
    agent = Agent(name="one", model=ScriptedModel([items, [assistant_message("x")]]), tools=[tool])
    told = story(lambda: KitaruRunner(agent, custom_tool_checkpoint_config={"type": "patching"}).run(START))
    told.first()
    told.rerun()
    assert ran == ["it"]
    assert "patching" in [call.checkpoint_type for call in told.execution.checkpoints]


def test_a_shell_command_runs_once(story):
    ran: list[list[str]] = []

    async def execute(request):
        ran.append(request.data.action.commands)
        return "ok"

    call = {"type": "shell_call", "id": "i1", "call_id": "c1", "action": {"commands": ["ls"]}, "status": "completed"}
    items = Response.construct(output=[call]).output
    agent = Agent(
        name="one", model=ScriptedModel([items, [assistant_message("x")]]), tools=[ShellTool(executor=execute)]
    )
    told = story(lambda: KitaruRunner(agent).run(START))
    told.first()
    told.rerun()
    assert ran == [["ls"]]


def test_cyclic_handoffs_keep_their_units_apart(story):
    triage = Agent(name="triage", model=ScriptedModel([[function_call("transfer_to_billing", {}, call_id="h1")]]))
    billing = Agent(name="billing", model=ScriptedModel([[assistant_message("paid")]]), handoffs=[triage])
    triage.handoffs = [billing]
    told = story(lambda: KitaruRunner(triage).run(START))
    first = told.first()
    assert (first.final_output, first.last_agent) == ("paid", "billing")
    assert told.rerun() == first
    assert told.names == ["triage_openai_model_call", "billing_openai_model_call"]
    kinds = [event["kind"] for event in told.execution.metadata["openai_agents_events"]["triage#1"]]
    assert kinds == ["llm_call", "handoff", "llm_call"]


def test_a_handoff_object_keeps_its_filter_and_its_callback_can_be_a_unit(story):
    seen: list[str] = []
    filtered: list[int] = []

    def keep_all(data):
        filtered.append(1)
        return data

    billing = poet("paid", name="billing")
    to_billing = handoff(billing, on_handoff=lambda _ctx: seen.append("handed"), input_filter=keep_all)
    steps = [[function_call("transfer_to_billing", {}, call_id="h1")]]
    triage = Agent(name="triage", model=ScriptedModel(steps), handoffs=[to_billing])
    told = story(lambda: KitaruRunner(triage, handoff_checkpoints=True).run(START))
    assert told.first().final_output == told.rerun().final_output == "paid"
    assert (seen, filtered) == (["handed"], [1, 1])


def test_the_users_provider_resolves_model_names(story):
    class Provider(ModelProvider):
        def __init__(self):
            self.asked, self.closed = [], 0
            self.model = ScriptedModel([[assistant_message("hi")]])

        def get_model(self, model_name):
            self.asked.append(model_name)
            return self.model

        async def aclose(self):
            self.closed += 1

    provider = Provider()
    runner = KitaruRunner(
        Agent(name="poet", model="my/model"), run_config_factory=lambda: RunConfig(model_provider=provider)
    )
    told = story(lambda: runner.run(START))
    assert told.first() == told.rerun()
    assert set(provider.asked) == {"my/model"}
    assert (len(provider.model.calls), provider.closed) == (1, 0)


def test_hooks_see_the_users_own_agents(story):
    class Hooks(RunHooks):
        def __init__(self):
            self.seen = []

        async def on_llm_start(self, _context, agent, *_):
            self.seen.append(agent)

    hooks, agent = Hooks(), poet("hi")
    story(lambda: KitaruRunner(agent).run(START, hooks=hooks)).once()
    assert hooks.seen == [agent]


def test_a_tool_gets_the_callers_own_context_object(story):
    seen: list[object] = []
    mine = object()

    @function_tool
    def look(ctx: ToolContext[object]) -> str:
        seen.append(ctx.context)
        return "ok"

    steps = [[function_call("look", {}, call_id="a")], [assistant_message("x")]]
    agent = Agent(name="one", model=ScriptedModel(steps), tools=[look])
    story(lambda: KitaruRunner(agent).run(START, context=mine)).once()
    assert seen[0] is mine
