"""The client for event loops, and the parts of the client that need a server."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest

from kitaru import (
    KitaruAsyncClient,
    KitaruClient,
    KitaruFeatureNotAvailableError,
    KitaruUsageError,
    checkpoint,
    events,
    flow,
)


@checkpoint
async def tells():
    events.publish("inside")
    return 1


@flow
async def runs():
    return await tells()


TICKED = threading.Event()


@checkpoint
def waits_for_a_tick():
    return TICKED.wait(10)


@flow
def needs_a_tick():
    return waits_for_a_tick()


async def test_methods_are_coroutines_and_leave_the_loop_free():
    TICKED.clear()
    client = KitaruAsyncClient()
    handle = await needs_a_tick.run_async()

    async def tick():
        await asyncio.sleep(0.05)
        TICKED.set()

    execution, _ = await asyncio.gather(client.executions.wait(handle.exec_id, timeout=20), tick())
    assert (execution.status, execution.result()) == ("completed", True)
    assert [one.exec_id for one in await client.executions.list()] == [handle.exec_id]
    assert [one.load() for one in await client.artifacts.list(handle.exec_id)] == [True]
    assert await client.waits.list() == []


async def test_events_are_an_asynchronous_iterator():
    client = KitaruAsyncClient()
    handle = await runs.run_async()
    kinds = [event.kind async for event in client.executions.events(handle.exec_id)]
    again = [event.kind async for event in client.executions.events(handle.exec_id)]
    assert (kinds[-1], sorted(kinds)) == ("kitaru.checkpoint.stored", sorted(again))
    assert "inside" in kinds


async def test_filters_are_checked():
    with pytest.raises(KitaruUsageError):
        await anext(KitaruAsyncClient().executions.events("nope", kinds=[""]))


def test_every_method_of_the_client_has_a_twin_with_its_parameters():
    client, twin = KitaruClient(), KitaruAsyncClient()
    for space in ("executions", "artifacts", "waits"):
        here, there = getattr(client, space), getattr(twin, space)
        names = [name for name in dir(here) if not name.startswith("_")]
        assert [name for name in names if not callable(getattr(there, name, None))] == []
        for name in set(names) - {"events", "logs", "replay"}:
            assert inspect.signature(getattr(there, name)) == inspect.signature(getattr(type(here), name))


async def test_a_replay_is_started_or_only_planned():
    client = KitaruAsyncClient()
    handle = await runs.run_async()
    await handle
    plan = await client.executions.replay(handle.exec_id, from_="tells", dry_run=True)
    assert plan.source == handle.exec_id
    replayed = await client.executions.replay(handle.exec_id, from_="tells")
    assert (await client.executions.wait(replayed.exec_id)).original_exec_id == handle.exec_id


SERVER = {
    "deployments": ["create", "get", "list", "delete", "invoke", "tag", "untag"],
    "auth.service_accounts": ["create", "get", "list", "update", "delete"],
    "auth.api_keys": ["create", "get", "list", "update", "rotate", "delete"],
}


@pytest.mark.parametrize(("space", "method"), [(space, method) for space, names in SERVER.items() for method in names])
def test_what_needs_the_server_says_so(space, method):
    found = KitaruClient()
    for part in space.split("."):
        found = getattr(found, part)
    with pytest.raises(KitaruFeatureNotAvailableError, match=f"client.{space}.{method}"):
        getattr(found, method)("x", flow="y")
