"""User code that has to type-check: every public name, used the way people use it.

Nothing here runs; mypy and pyright read it, against the checkout and against a built wheel.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal, assert_type

import kitaru
from kitaru import (
    ArtifactRef,
    CheckpointAttempt,
    CheckpointCall,
    CheckpointFuture,
    Execution,
    ExecutionEvent,
    ExecutionStatistics,
    ExecutionStatisticsDimension,
    ExecutionStatisticsGroup,
    ExecutionStatisticsGrouping,
    ExecutionStatisticsMetric,
    ExecutionStatisticsMetricAggregation,
    ExecutionStatisticsMetricSource,
    ExecutionStatisticsTimeGranularity,
    ExecutionStatus,
    FailureInfo,
    FailureOrigin,
    FlowHandle,
    ImageSettings,
    KitaruAsyncClient,
    KitaruClient,
    KitaruConfig,
    KitaruError,
    KitaruExecutionError,
    KitaruTimeoutError,
    LogEntry,
    MapFuture,
    PendingWait,
    Reconciled,
    ReplayPlan,
    RetryPolicy,
    SandboxCommandResult,
    Secret,
    SecretSummary,
    StackInfo,
    checkpoint,
    configure,
    connect,
    create_secret,
    create_stack,
    current_call,
    current_execution_id,
    current_stack,
    delete_secret,
    delete_stack,
    events,
    flow,
    get_secret,
    list_stacks,
    llm,
    llm_async,
    load,
    log,
    progress,
    run_sandbox_command,
    save,
    unmapped,
    use_stack,
    wait,
    wait_async,
)
from kitaru.client import FlowCheck


@dataclass
class Review:
    approved: bool
    note: str = ""


class Colour(Enum):
    RED = "red"


def show(*_values: object) -> None:
    """Stand for whatever a program does with a value."""


# Checkpoints, bare and with options, synchronous and asynchronous


@checkpoint
def word_count(text: str, *, least: int = 1) -> int:
    return max(least, len(text.split()))


@checkpoint(retries=RetryPolicy(max_retries=2, delay=0.1), type="tool_call", cache=True, runtime="inline", timeout=3)
def fetch(url: str) -> list[str]:
    call = current_call()
    assert call is not None
    assert_type(call.idempotency_key, str)
    assert_type(call.attempt, int)
    progress("half way", percent=0.5, pages=2)
    events.publish("page", {"url": url}, message="read")
    assert_type(events.flush(timeout=1.0), bool)
    assert_type(save("page", url, type="context", tags=["web"]), str)
    return [url]


@checkpoint
async def ask_model(prompt: str) -> str:
    return await llm_async(prompt, model="fast", system="Be brief.", temperature=0.1, max_tokens=5, name="answer")


def find_out(amount: int) -> Reconciled:
    return Reconciled("completed", value="paid") if amount else Reconciled("not_executed")


@checkpoint(effect="irreversible", reconcile=find_out, business_key=lambda amount: f"order {amount}")
def pay(amount: int) -> str:
    return f"paid {amount}"


@checkpoint(retries=1)
async def slow_square(number: int) -> int:
    await asyncio.sleep(0)
    return number * number


# Flows


@flow
def plain(text: str, times: int = 1) -> int:
    assert_type(word_count(text), int)
    assert_type(word_count(text, least=2), int)
    assert_type(word_count(text, id="first"), int)
    future = word_count.submit(text)
    assert_type(future, CheckpointFuture[int])
    assert_type(future.result(timeout=1), int)
    assert_type(future.load(), int)
    assert_type(future.exception(), BaseException | None)
    assert_type(word_count(text, after=future), int)
    assert_type(word_count(fetch.submit("/")), int)
    many = word_count.map(["a", "b"], least=unmapped(2))
    assert_type(many, MapFuture[int])
    assert_type(many.result(), list[int])
    assert_type(many[0], CheckpointFuture[int])
    assert_type([one.result() for one in many], list[int])
    assert_type(word_count.product(["a"], least=[1, 2]).exceptions(), list[BaseException | None])
    assert_type(fetch("/"), list[str])
    assert_type(pay(3), str)
    assert_type(llm("hello", model="fast"), str)
    assert_type(llm([{"role": "user", "content": "hello"}]), str)
    assert_type(llm("hello", schema=int), int)
    assert_type(llm("hello", schema=Review, on_text=print), Review)
    assert_type(current_execution_id(), str | None)
    log(step="counted", words=future.result())
    return times


@flow(stack="default", image={"environment": {"A": "b"}}, cache=False, retries=2)
def with_options(review: Review) -> Review:
    return review


@flow
async def on_a_loop(text: str) -> str:
    assert_type(await ask_model(text), str)
    assert_type(await slow_square.submit(3), int)
    assert_type(await slow_square.map([1, 2]), list[int])
    one, two = await asyncio.gather(slow_square(1), slow_square(2))
    assert_type(one + two, int)
    assert_type(await wait_async(name="go"), bool)
    assert_type(await wait_async(schema=Review), Review)
    return text


@flow(retries=1)
async def on_a_loop_with_options() -> int:
    return 1


@flow
def asking() -> None:
    assert_type(wait(), bool)
    assert_type(wait(name="approve", question="Go on?", timeout=5, metadata={"a": 1}), bool)
    assert_type(wait(schema=bool), bool)
    assert_type(wait(schema=int), int)
    assert_type(wait(schema=list[int]), list[int])
    assert_type(wait(schema=Review), Review)
    assert_type(wait(schema=Colour), Colour)
    assert_type(wait(schema=None), None)
    answer: Literal["a", "b"] = wait(schema=Literal["a", "b"])
    assert_type(wait(schema={"type": "string"}), Any)
    log(answer=answer)


@checkpoint
def read_back(exec_id: str) -> object:
    return load(exec_id, "page")


def handles() -> None:
    handle = plain.run("a", times=2)
    assert_type(handle, FlowHandle[int])
    assert_type(handle.exec_id, str)
    assert_type(handle.status, ExecutionStatus)
    assert_type(handle.wait(), int)
    assert_type(handle.wait(timeout=2.5), int)
    assert_type(handle.get(), int)
    assert_type(handle.execution, Execution)
    handle.cancel()
    assert_type(plain.replay(handle.exec_id, from_="word_count", overrides={"checkpoint.fetch": []}), FlowHandle[int])
    assert_type(with_options.run(Review(approved=True), stack="default", retries=0).wait(), Review)
    assert_type(on_a_loop.run("a"), FlowHandle[str])
    assert_type(on_a_loop_with_options.run(), FlowHandle[int])
    assert_type(on_a_loop_with_options.run().wait(), int)
    assert_type(FlowHandle.from_exec_id("id"), FlowHandle[Any])
    try:
        plain.run("x").get()
    except KitaruTimeoutError as error:
        show(error)
    except KitaruExecutionError as error:
        assert_type(error.status, ExecutionStatus | None)
        assert_type(error.failure_origin, FailureOrigin | None)
    except KitaruError as error:
        show(error)


async def awaited_handles() -> None:
    handle = await on_a_loop.run_async("a")
    assert_type(handle, FlowHandle[str])
    assert_type(await handle, str)
    assert_type(await handle.wait_async(timeout=1), str)


# The client


def reading(client: KitaruClient, exec_id: str) -> None:
    execution = client.executions.get(exec_id)
    assert_type(execution, Execution)
    assert_type(client.executions.list(flow="plain", status="failed", page=1, size=5), list[Execution])
    assert_type(client.executions.latest(status=ExecutionStatus.COMPLETED), Execution)
    calls: list[CheckpointCall] = execution.checkpoints
    attempts: tuple[CheckpointAttempt, ...] = calls[0].attempts
    artifacts: list[ArtifactRef] = client.artifacts.list(exec_id, name="page", kind="context", limit=1)
    found: ArtifactRef = client.artifacts.get(artifacts[0].artifact_id)
    failure: FailureInfo | None = execution.failure
    pending: PendingWait | None = execution.pending_wait
    show(attempts, found.load(), failure and failure.origin, pending and pending.name)
    assert_type(client.executions.logs(exec_id, since=datetime.now().astimezone()), list[LogEntry])
    assert_type(client.executions.logs(exec_id, follow=True), Iterator[LogEntry])
    for event in client.executions.events(exec_id, kinds=["page"], since=None):
        assert_type(event, ExecutionEvent)
    assert_type(client.waits.list(flow="asking"), list[PendingWait])


def operating(client: KitaruClient, exec_id: str) -> None:
    assert_type(client.executions.input(exec_id, wait="approve", value=True, resume=True), Execution)
    assert_type(client.executions.abort_wait(exec_id, wait="approve"), Execution)
    assert_type(client.executions.retry(exec_id, block=True), Execution)
    assert_type(client.executions.resume(exec_id), Execution)
    assert_type(client.executions.cancel(exec_id), Execution)
    assert_type(client.executions.replay(exec_id, from_="fetch", text="b"), Execution)
    assert_type(client.executions.replay(exec_id, from_="fetch", dry_run=True), ReplayPlan)
    assert_type(client.executions.check(plain, status="waiting"), FlowCheck)
    assert_type(client.executions.prune(older_than=timedelta(days=3), dry_run=True), list[str])


def counting(client: KitaruClient) -> None:
    grouping = ExecutionStatisticsGrouping(
        dimension=ExecutionStatisticsDimension.TIME, time_granularity=ExecutionStatisticsTimeGranularity.DAY
    )
    metric = ExecutionStatisticsMetric(
        name="slowest",
        source=ExecutionStatisticsMetricSource.DURATION,
        aggregation=ExecutionStatisticsMetricAggregation.MAX,
    )
    found = client.executions.statistics(group_by=["status", grouping], metrics=["n:step_count:sum", metric])
    assert_type(found, ExecutionStatistics)
    groups: list[ExecutionStatisticsGroup] = found.groups
    show(groups[0].execution_count, found.truncated)


async def awaiting(client: KitaruAsyncClient, exec_id: str) -> None:
    assert_type(await client.executions.get(exec_id), Execution)
    assert_type(await client.executions.list(limit=3), list[Execution])
    assert_type(await client.executions.input(exec_id, wait="approve", value=True), Execution)
    assert_type(await client.executions.replay(exec_id, from_="fetch"), Execution)
    assert_type(await client.executions.replay(exec_id, from_="fetch", dry_run=True), ReplayPlan)
    assert_type(await client.executions.logs(exec_id), list[LogEntry])
    assert_type(client.executions.logs(exec_id, follow=True), AsyncIterator[LogEntry])
    assert_type(await client.artifacts.list(exec_id), list[ArtifactRef])
    assert_type(await client.waits.list(), list[PendingWait])
    async for event in client.executions.events(exec_id):
        assert_type(event, ExecutionEvent)


# Settings, stacks, secrets, sandbox


def settings() -> None:
    assert_type(configure(cache=True, retries=1, image=ImageSettings(base_image="python:3.12")), KitaruConfig)
    connect("https://kitaru.example", api_key="key", timeout=3)
    stacks: list[StackInfo] = [*list_stacks(), current_stack(), use_stack("default"), create_stack("b", activate=False)]
    delete_stack(stacks[0].name, force=True)
    summary: SecretSummary = create_secret("keys", {"API_KEY": "x"}, private=True)
    secret: Secret = get_secret(summary.name)
    assert_type(secret.get("API_KEY"), str | None)
    assert_type(delete_secret("keys"), SecretSummary)
    result: SandboxCommandResult = run_sandbox_command(["ls", "-l"], timeout_seconds=2)
    show(result.exit_code, kitaru.__version__)
