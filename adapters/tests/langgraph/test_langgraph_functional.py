"""Graphs without agents: the functional API, raw nodes, and models wrapped one by one."""

from __future__ import annotations

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.func import entrypoint, task

from kitaru import flow
from kitaru.adapters.langgraph import KitaruGraphRunner, durable_model


def _essay(world, saver=None):
    model = durable_model(world.model(lambda messages: f"on {messages[-1].content}"), name="essayist")

    @task
    def write(topic):
        return model.invoke([HumanMessage(topic)]).content

    @entrypoint(checkpointer=saver)
    def essay(topics):
        told = [future.result() for future in [write(topic) for topic in topics]]
        world.note("finish")
        return told

    return essay


def test_functional_graph_is_durable_call_by_call(world):
    world.crash["finish"] = 1

    @flow
    def story():
        return world.graph_runner(_essay(world), name="essay").invoke(["x", "y"], thread_id="t").output

    assert world.retry(world.fail(story)) == ["on x", "on y"]
    assert world.calls.count("scripted:0") == 2


def test_functional_graph_goes_on_with_its_thread_in_coarse_mode(world):
    essay = _essay(world, world.saver("memory"))
    runner = KitaruGraphRunner(essay, name="essay", run_checkpoint_config={"retries": 1})
    world.crash["finish"] = 1

    @flow
    def story():
        return runner.invoke(["x", "y"], thread_id="t").output

    assert world.run(story) == ["on x", "on y"]
    assert world.calls.count("scripted:0") == 2


def test_wrapped_model_outside_a_runner_is_the_model(world):
    model = durable_model(world.model("hi"))
    assert model.invoke("x").content == "hi"


def test_wrapped_model_keeps_tool_calls_when_streamed(world):
    call = {"name": "a", "args": {"x": 1}, "id": "1"}
    model = durable_model(world.model(AIMessage("", tool_calls=[call])))
    chunks = list(model.stream("x"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert [(each["name"], each["args"]) for each in whole.tool_calls] == [("a", {"x": 1})]


def test_bound_tools_reach_the_inner_model(world):
    seen = {}

    class Recording(type(world.model("x"))):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            seen.update(kwargs)
            return super()._generate(messages, stop, run_manager, **kwargs)

    inner = Recording(turns=["hi"], world=world)
    durable_model(inner).bind_tools([], tool_choice="any").invoke("x")
    assert seen["tool_choice"] == "any"
