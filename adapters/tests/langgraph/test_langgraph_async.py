"""Asynchronous runs: true checkpoints on the caller's own loop, and none where that is asked for."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from kitaru import flow
from kitaru.adapters.langgraph import KitaruGraphRunner, LangGraphCallCheckpointPolicy, wait_for_interrupts_async

OPTED_OUT = LangGraphCallCheckpointPolicy(async_checkpoint_policy="metadata_only")


def _kinds(world, exec_id):
    return [call.checkpoint_type for call in world.checkpoints(exec_id)]


def test_async_calls_are_true_checkpoints(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"))
    world.crash["scripted:1"] = 1

    @flow
    async def story():
        return (await runner.ainvoke(world.hello, thread_id="t")).output["messages"][-1].content

    exec_id = world.fail(story)
    assert world.retry(exec_id) == "done"
    assert world.calls == ["scripted:0", "a:1", "scripted:1"]
    assert _kinds(world, exec_id) == ["model_call", "tool_call", "model_call", "langgraph_summary"]


def test_opting_out_opens_no_call_units_and_still_never_repeats_a_finished_invocation(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"), call_checkpoint_policy=OPTED_OUT)
    tries = []

    @flow
    async def story():
        text = (await runner.ainvoke(world.hello, thread_id="t")).output["messages"][-1].content
        tries.append(1)
        if len(tries) == 1:
            msg = "again"
            raise ValueError(msg)
        return text

    exec_id = world.fail(story)
    assert world.retry(exec_id) == "done"
    assert _kinds(world, exec_id) == ["langgraph_summary"]
    assert world.calls == ["scripted:0", "a:1", "scripted:1"]


@pytest.mark.parametrize("strategy", ["graph_call", "calls"])
def test_loop_bound_saver_and_client_work(world, strategy):
    loops = []

    @flow
    async def story():
        async def bound(x: int) -> str:
            loops.append(asyncio.get_running_loop())
            return "ok"

        tools = [StructuredTool.from_function(coroutine=bound, name="a", description="a")]
        async with AsyncSqliteSaver.from_conn_string(str(world.folder / "aio.db")) as saver:
            runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", tools=tools, saver=saver), strategy)
            result = await runner.ainvoke(world.hello, thread_id="t")
        loops.append(asyncio.get_running_loop())
        return result.latest_checkpoint_id is not None

    assert world.run(story) is True
    assert len(set(map(id, loops))) == 1


def test_async_parallel_tools_get_their_own_results_back(world):
    async def slow(x: int) -> str:
        await asyncio.sleep(0.02 * (3 - x))
        world.note(f"a:{x}")
        return f"slow {x}"

    tools = [StructuredTool.from_function(coroutine=slow, name="a", description="a")]
    runner = world.graph_runner(world.agent(world.wish(("a", 1), ("a", 2), ("a", 3)), "done", tools=tools))
    world.crash["scripted:1"] = 1

    @flow
    async def story():
        result = await runner.ainvoke(world.hello, thread_id="t")
        return [message.content for message in result.output["messages"] if message.type == "tool"]

    assert world.retry(world.fail(story)) == ["slow 1", "slow 2", "slow 3"]
    assert sorted(world.calls) == ["a:1", "a:2", "a:3", "scripted:0", "scripted:1"]


def test_async_stream_gives_the_result_of_the_plain_run(world):
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done"))

    @flow
    async def story():
        plain = await runner.ainvoke(world.hello, thread_id="p")
        streamed = await runner.astream(world.hello, thread_id="s")
        return [world.said(result.output["messages"]) for result in (plain, streamed)]

    plain, streamed = world.run(story)
    assert plain == streamed


def test_sync_call_inside_a_running_loop_does_not_dead_lock(world):
    runner = KitaruGraphRunner(world.agent("hi", saver=world.saver("ours")))

    async def main():
        return runner.invoke(world.hello, thread_id="t").status

    assert asyncio.run(main()) == "completed"


def test_async_bridge_waits_for_all_answers(world):
    runner = KitaruGraphRunner(world.asking(world.saver("ours"), "a", "b"))

    @flow
    async def story():
        result = await runner.ainvoke({"got": []}, thread_id="t")
        final = await runner.ainvoke(await wait_for_interrupts_async(result, schemas=[str, str], name="q"))
        return final.output["got"]

    handle = story.run()
    world.waiting(handle.exec_id)
    world.answer(handle.exec_id, q="A", q_2="B")
    assert handle.wait() == ["A", "B"]


def test_cancelled_task_records_no_failure(world):
    started = asyncio.Event()

    async def endless(x: int) -> str:
        started.set()
        await asyncio.sleep(60)
        return "never"

    tools = [StructuredTool.from_function(coroutine=endless, name="a", description="a")]
    policy = LangGraphCallCheckpointPolicy(tool_checkpoint_config={"retries": 5})
    runner = world.graph_runner(world.agent(world.wish(("a", 1)), "done", tools=tools), call_checkpoint_policy=policy)

    @flow
    async def story():
        task = asyncio.create_task(runner.ainvoke(world.hello, thread_id="t"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return "cancelled"

    handle = story.run()
    assert handle.wait() == "cancelled"
    assert [call.status for call in world.checkpoints(handle.exec_id) if call.checkpoint_type == "tool_call"] in (
        [],
        ["running"],
    )
