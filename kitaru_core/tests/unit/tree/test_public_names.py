"""The names `kitaru` promises at its top level."""

from __future__ import annotations

import pytest

import kitaru

VERBS = {
    *("flow", "checkpoint", "wait", "log", "save", "load", "llm", "progress", "events", "current_execution_id"),
    *("configure", "connect", "list_stacks", "current_stack", "use_stack", "create_stack", "delete_stack"),
    *("create_secret", "get_secret", "delete_secret", "run_sandbox_command"),
}

CLASSES = {
    *("FlowHandle", "KitaruClient", "KitaruConfig", "ImageSettings", "StackInfo", "Secret", "SecretSummary"),
    *("SandboxCommandResult", "ExecutionEvent", "FailureOrigin"),
    *("ExecutionStatistics", "ExecutionStatisticsGroup", "ExecutionStatisticsGrouping", "ExecutionStatisticsMetric"),
    *("ExecutionStatisticsDimension", "ExecutionStatisticsMetricAggregation", "ExecutionStatisticsMetricSource"),
    "ExecutionStatisticsTimeGranularity",
}

ERRORS = {
    *("KitaruError", "KitaruUsageError", "KitaruContextError", "KitaruStateError", "KitaruRuntimeError"),
    *("KitaruExecutionError", "KitaruUserCodeError", "KitaruDivergenceError", "KitaruBackendError"),
    *("KitaruLogRetrievalError", "KitaruWaitValidationError", "KitaruFeatureNotAvailableError"),
    *("KitaruAmbiguousFlowResultError", "KitaruStackIntegrationDependencyError"),
}

# What comes with the server, which is not here: there is nothing that could return one of them.
WITH_THE_SERVER = {"Deployment", "AuthAPIKey", "AuthAPIKeyWithValue", "AuthServiceAccount"}

# What is offered beyond the promise, and why.
BEYOND = {
    "__version__": "scripts ask for it",
    "ArtifactRef": "a model of the client, for annotations",
    "CheckpointAttempt": "as above",
    "CheckpointCall": "as above",
    "Execution": "as above",
    "ExecutionStatus": "as above",
    "FailureInfo": "as above",
    "LogEntry": "as above",
    "PendingWait": "as above",
    "ReplayPlan": "what a dry run of a replay returns",
    "CheckpointFuture": "what submit() returns, for annotations",
    "MapFuture": "what map() returns, for annotations",
    "unmapped": "an argument of map() that goes to every call",
    "RetryPolicy": "an argument of @checkpoint",
    "Reconciled": "what a reconcile= function returns",
    "current_call": "the idempotency key of the present call",
    "llm_async": "llm() on an event loop",
    "wait_async": "wait() on an event loop",
    "KitaruAsyncClient": "the client on an event loop",
    "KitaruNotFoundError": "what looking up an unknown id raises",
    "KitaruTimeoutError": "what a wait on a handle raises when its time is over",
}


def test_the_names_at_the_top_are_those_that_are_promised():
    assert set(kitaru.__all__) == VERBS | CLASSES | ERRORS | set(BEYOND)
    assert len(kitaru.__all__) == len(set(kitaru.__all__))


@pytest.mark.parametrize("name", sorted(VERBS | CLASSES | ERRORS | set(BEYOND)))
def test_each_name_is_there(name):
    assert getattr(kitaru, name) is not None
    assert name in dir(kitaru)


@pytest.mark.parametrize("name", sorted(WITH_THE_SERVER))
def test_what_comes_with_the_server_is_not_here_yet(name):
    assert not hasattr(kitaru, name)


def test_errors_are_errors_of_kitaru():
    assert all(issubclass(getattr(kitaru, name), kitaru.KitaruError) for name in ERRORS)
