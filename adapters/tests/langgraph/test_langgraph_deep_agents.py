"""Deep Agents: files written past the result, and subagents whose calls are checkpoints of their own."""

from __future__ import annotations

import pytest
from deepagents import create_deep_agent
from langchain_core.messages import AIMessage
from langgraph.types import interrupt

from kitaru import flow
from kitaru.adapters.langgraph import KitaruLangGraphMiddleware, deep_agent_policy, durable_subagents


def _call(name, number, **args):
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"{name}-{number}"}])


def _runner(world, agent, **more):
    return world.graph_runner(agent, name="deep", call_checkpoint_policy=deep_agent_policy(), **more)


def _writer(world, saver=None):
    write = _call("write_file", 1, file_path="/notes.md", content="gold under the oak")
    return create_deep_agent(
        world.model(write, "done"), tools=[], middleware=[KitaruLangGraphMiddleware()], checkpointer=saver
    )


@pytest.mark.parametrize("kind", ["none", "memory", "ours"])
def test_files_are_there_after_the_tool_was_answered_by_the_journal(world, kind):
    agents = iter([_writer(world, world.saver(kind)) for _ in range(2)])
    world.crash["scripted:1"] = 1

    @flow
    def story():
        output = _runner(world, next(agents)).invoke(world.hello, thread_id="t").output
        return str(output["files"]["/notes.md"]["content"])

    assert "gold under the oak" in world.retry(world.fail(story))
    assert world.calls == ["scripted:0", "scripted:1"]


def _delegating(world, saver=None, *, asks=False):
    middleware = KitaruLangGraphMiddleware()
    helper = {
        "name": "digger",
        "description": "digs",
        "system_prompt": "dig",
        "model": world.model(_call("dig", 1, x=3), "dug", name="helper"),
        "tools": [world.tool("dig", (lambda x: f"dug {interrupt('dig here?')}") if asks else None)],
    }
    ask = _call("task", 1, description="dig please", subagent_type="digger")
    return create_deep_agent(
        world.model(ask, "done"),
        tools=[],
        middleware=[middleware],
        subagents=durable_subagents([helper], middleware),
        checkpointer=saver,
    )


def test_calls_of_a_subagent_are_checkpoints_of_their_own(world):
    world.crash["helper:1"] = 1
    agents = iter([_delegating(world) for _ in range(2)])

    @flow
    def story():
        return _runner(world, next(agents)).invoke(world.hello, thread_id="t").output["messages"][-1].content

    exec_id = world.fail(story)
    assert world.retry(exec_id) == "done"
    assert world.calls == ["scripted:0", "helper:0", "dig:3", "helper:1", "scripted:1"]
    names = [call.name for call in world.checkpoints(exec_id)]
    assert "tool_call__dig__deep" in names
    assert "tool_call__task__deep" not in names


def test_every_subagent_gets_the_middleware_and_the_implicit_one_as_well():
    middleware = object()
    ready = {"name": "ready", "description": "d", "runnable": object()}
    specs = durable_subagents([{"name": "x", "middleware": ["m"]}, ready], middleware)
    assert [spec["name"] for spec in specs] == ["general-purpose", "x", "ready"]
    assert [spec.get("middleware") for spec in specs] == [[middleware], ["m", middleware], None]


def test_pruned_thread_of_a_deep_agent_keeps_its_whole_state(world):
    saver = world.saver("ours")
    agent = _writer(world, saver)
    config = {"configurable": {"thread_id": "t"}}
    agent.invoke(world.hello, config)
    before = agent.get_state(config).values
    saver.prune(["t"])
    after = agent.get_state(config).values
    assert world.said(after["messages"]) == world.said(before["messages"])
    assert after["files"] == before["files"]


def test_asynchronous_deep_agent_is_durable_as_well(world):
    agents = iter([_delegating(world) for _ in range(2)])
    world.crash["helper:1"] = 1

    @flow
    async def story():
        result = await _runner(world, next(agents)).ainvoke(world.hello, thread_id="t")
        return result.output["messages"][-1].content

    exec_id = world.fail(story)
    assert world.retry(exec_id) == "done"
    assert world.calls == ["scripted:0", "helper:0", "dig:3", "helper:1", "scripted:1"]


def test_interrupt_inside_a_subagent_is_answered_from_the_flow(world):
    from kitaru.adapters.langgraph import build_resume_request

    agent = _delegating(world, world.saver("ours"), asks=True)
    runner = _runner(world, agent)

    @flow
    def story():
        result = runner.invoke(world.hello, thread_id="t")
        return runner.invoke(build_resume_request(result, "yes")).status, result.interrupts[0].value

    assert tuple(world.run(story)) == ("completed", "dig here?")
    assert world.calls.count("helper:0") == 1
