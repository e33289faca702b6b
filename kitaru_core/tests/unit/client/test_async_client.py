"""The client for event loops, and the parts of the client that need a server."""

from __future__ import annotations

import asyncio

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
async def slow():
    events.publish("inside")
    await asyncio.sleep(0.2)
    return 1


@flow
async def runs():
    return await slow()


async def test_methods_are_coroutines_and_leave_the_loop_free():
    client = KitaruAsyncClient()
    handle = await runs.run_async()
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    execution = await client.executions.wait(handle.exec_id, timeout=10)
    ticking.cancel()
    assert (execution.status, ticks > 3) == ("completed", True)
    assert [one.exec_id for one in await client.executions.list()] == [handle.exec_id]
    assert [one.load() for one in await client.artifacts.list(handle.exec_id)] == [1]
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


async def test_only_methods_are_reached():
    with pytest.raises(AttributeError):
        KitaruAsyncClient().executions.no_such_method  # noqa: B018 - reaching for it is the point
    with pytest.raises(AttributeError):
        KitaruAsyncClient().executions._journal  # noqa: B018 - as above
    assert "retry" in dir(KitaruAsyncClient().executions)


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
