"""What a runner accepts and refuses, before and while it runs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import BaseModel, ValidationError

from kitaru import checkpoint, flow
from kitaru.adapters.langgraph import (
    KitaruGraphRunner,
    LangGraphCallCheckpointPolicy,
    LangGraphDurabilityPolicy,
    LangGraphRunRequest,
    LangGraphRunResult,
    LangGraphStreamPolicy,
    merge_config,
)
from kitaru.errors import KitaruStateError, KitaruUsageError


def test_default_strategy_is_one_unit_around_the_outer_call(world):
    runner = KitaruGraphRunner(world.agent(world.wish(("a", 1)), "done"))

    @flow
    def outer():
        return runner.invoke(world.hello, thread_id="t").status

    handle = outer.run()
    assert handle.wait() == "completed"
    (call,) = world.checkpoints(handle.exec_id)
    assert (call.name, call.checkpoint_type) == ("agent_langgraph_call", "graph_call")


@pytest.mark.parametrize(
    "arguments",
    [
        {"checkpoint_strategy": "turn"},
        {"checkpoint_strategy": "calls", "run_checkpoint_config": {"retries": 1}},
        {"call_checkpoint_policy": LangGraphCallCheckpointPolicy()},
        {"run_checkpoint_config": {"speed": 9}},
        {"run_checkpoint_config": {"runtime": "isolated"}},
        {"run_checkpoint_config": {"retries": True}},
        {"run_checkpoint_config": {"retries": -1}},
        {"run_checkpoint_config": {"type": "  "}},
        {"name": " "},
    ],
)
def test_bad_settings_are_refused_at_construction(world, arguments):
    with pytest.raises(KitaruUsageError):
        KitaruGraphRunner(world.agent("hi"), **arguments)


def test_runner_without_any_name_is_refused():
    class Nameless:
        def invoke(self, value, config=None): ...

    with pytest.raises(KitaruUsageError, match="needs a name"):
        KitaruGraphRunner(Nameless())


def test_raw_input_needs_a_thread_id(world):
    runner = KitaruGraphRunner(world.agent("hi"))
    for thread in ({}, {"thread_id": None}, {"thread_id": " "}):
        with pytest.raises(KitaruUsageError, match="thread_id"):
            runner.invoke(world.hello, **thread)


def test_complete_request_takes_no_fields_beside_it(world):
    runner = KitaruGraphRunner(world.agent("hi"))
    with pytest.raises(KitaruUsageError, match="durability"):
        runner.invoke(LangGraphRunRequest.start(world.hello, thread_id="t"), durability="sync")


def test_none_is_an_input_when_a_thread_is_named():
    assert LangGraphRunRequest.start(None, thread_id="t").input is None


def test_foreign_model_with_the_same_fields_is_raw_input(world):
    class Lookalike(BaseModel):
        input: str = "x"
        thread_id: str = "t"

    with pytest.raises(KitaruUsageError, match="Raw input"):
        KitaruGraphRunner(world.agent("hi")).invoke(Lookalike())


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "start"},
        {"kind": "resume"},
        {"kind": "start", "input": 1, "command": 2},
        {"kind": "start", "input": 1, "more": 1},
    ],
)
def test_incomplete_request_is_refused_by_the_model(fields):
    with pytest.raises(ValidationError):
        LangGraphRunRequest(thread_id="t", **fields)


def test_interrupted_result_needs_interrupts():
    with pytest.raises(ValidationError, match="interrupts"):
        LangGraphRunResult(status="interrupted", thread_id="t")


def test_configuration_is_merged_in_the_documented_order():
    request = LangGraphRunRequest.start(
        1,
        thread_id="t",
        config={"tags": ["x"], "configurable": {"a": 1, "thread_id": "old"}},
        configurable={"a": 2, "b": 3},
    )
    assert merge_config(request) == {"tags": ["x"], "configurable": {"a": 2, "b": 3, "thread_id": "t"}}


def test_factory_configuration_lies_under_the_request(world):
    seen = {}

    def spy(x: int = 0, config=None):
        return "ok"

    runner = KitaruGraphRunner(
        _recording_graph(seen),
        name="g",
        config_factory=lambda request: {"tags": ["f"], "configurable": {"k": 1, "m": 2}},
    )
    runner.invoke(LangGraphRunRequest.start(world.hello, thread_id="t", configurable={"k": 9}))
    assert seen["tags"] == ["f"]
    assert {key: seen["configurable"][key] for key in ("k", "m", "thread_id")} == {"k": 9, "m": 2, "thread_id": "t"}


def _recording_graph(seen):
    class Graph:
        def invoke(self, value, config):
            seen.update(config)
            return value

    return Graph()


def test_factory_must_return_a_dict(world):
    runner = KitaruGraphRunner(_recording_graph({}), name="g", config_factory=lambda request: None)
    with pytest.raises(KitaruUsageError, match="config_factory"):
        runner.invoke(world.hello, thread_id="t")


def test_configurable_that_is_no_mapping_is_refused(world):
    request = LangGraphRunRequest.start(world.hello, thread_id="t", config={"configurable": 5})
    with pytest.raises(KitaruUsageError, match="configurable"):
        KitaruGraphRunner(_recording_graph({}), name="g").invoke(request)


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_outside_a_flow_the_graph_runs_and_nothing_is_stored(world, strategy):
    result = world.graph_runner(world.agent(world.wish(("a", 1)), "done"), strategy).invoke(world.hello, thread_id="t")
    assert result.output["messages"][-1].content == "done"
    assert world.client.executions.list() == []


def test_calls_inside_a_checkpoint_are_refused_unless_allowed(world):
    strict = world.graph_runner(world.agent("hi"))
    lenient = world.graph_runner(
        world.agent("hi"),
        call_checkpoint_policy=LangGraphCallCheckpointPolicy(nested_checkpoint_policy="metadata_only"),
    )

    @checkpoint
    def inside():
        with pytest.raises(KitaruUsageError, match="checkpoint"):
            strict.invoke(world.hello, thread_id="t")
        return lenient.invoke(world.hello, thread_id="t").status

    @flow
    def nested():
        return inside()

    handle = nested.run()
    assert handle.wait() == "completed"
    assert [call.name for call in world.checkpoints(handle.exec_id)] == ["inside"]


def test_graph_call_inside_a_checkpoint_runs_directly(world):
    runner = KitaruGraphRunner(world.agent(world.wish(("a", 1)), "done"))

    @checkpoint
    def inside():
        return runner.invoke(world.hello, thread_id="t").output["messages"][-1].content

    @flow
    def nested():
        return inside()

    assert world.run(nested) == "done"


def test_required_checkpointer_that_is_missing_is_refused(world):
    runner = KitaruGraphRunner(world.agent("hi"), durability=LangGraphDurabilityPolicy(require_checkpointer=True))
    with pytest.raises(KitaruUsageError, match="checkpointer"):
        runner.invoke(world.hello, thread_id="t")


@pytest.mark.parametrize("mode", [(), ("values", "nonsense"), ("debug",)])
def test_bad_stream_modes_are_refused(mode):
    with pytest.raises(KitaruUsageError):
        LangGraphStreamPolicy(default_modes=mode)


def test_graph_that_cannot_be_streamed_is_refused_before_it_runs(world):
    with pytest.raises(KitaruUsageError, match="stream"):
        KitaruGraphRunner(_recording_graph({}), name="g").stream(world.hello, thread_id="t")


def test_resume_of_a_thread_that_is_not_interrupted_is_refused(world):
    from langgraph.types import Command

    runner = KitaruGraphRunner(world.agent("hi", saver=world.saver("memory")))

    @flow
    def wrong():
        runner.invoke(world.hello, thread_id="t")
        with pytest.raises(KitaruStateError, match="waits for no answer"):
            runner.invoke(LangGraphRunRequest.resume(Command(resume={"x" * 32: 1}), thread_id="t"))
        return "refused"

    assert world.run(wrong) == "refused"


_BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise {error}
sys.meta_path.insert(0, Block())
try:
    import kitaru.adapters.langgraph
except Exception as found:
    print(type(found).__name__, found)
"""


def _import_with(name: str, error: str) -> str:
    code = _BLOCK.format(name=name, error=error)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_missing_framework_names_the_extra():
    printed = _import_with("langgraph", "ModuleNotFoundError(name=name)")
    assert printed.startswith("KitaruFeatureNotAvailableError")
    assert "langgraph" in printed


def test_broken_framework_is_not_disguised():
    assert _import_with("langgraph.types", "ImportError('broken inside')").startswith("ImportError broken inside")


def test_plugin_is_looked_at_without_importing_the_framework():
    code = "import sys, kitaru_adapters.langgraph.plugin as p; p.kitaru_adapters(); print('langgraph' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_both_import_paths_offer_the_same_names():
    import kitaru.adapters.langgraph as promised
    import kitaru_adapters.langgraph as home

    assert sorted(promised.__all__) == sorted(home.__all__)
    assert all(getattr(promised, name) is getattr(home, name) for name in home.__all__)
