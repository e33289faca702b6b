"""The names `kitaru` promises at its top level."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

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

# What comes with the server, which is not here: there is nothing that could return one of them. Until it is, what would
# return one says so: the namespaces `client.deployments` and `client.auth`, and `deploy` and its like on a flow.
WITH_THE_SERVER = {"Deployment", "AuthAPIKey", "AuthAPIKeyWithValue", "AuthServiceAccount"}

# What is promised in modules of its own.
IN_MODULES = {
    "client": {
        *("ArtifactRef", "CheckpointAttempt", "CheckpointCall", "Execution", "ExecutionStatus", "FailureInfo"),
        *("LogEntry", "PendingWait", "KitaruClient"),
    },
    "config": {
        *("FrozenExecutionSpec", "ResolvedExecutionConfig", "ResolvedConnectionConfig", "resolve_execution_config"),
        *("resolve_connection_config", "login_to_server", "list_active_kitaru_environment_variables"),
        *("register_model_alias", "list_model_aliases", "resolve_model_selection", "ModelAliasEntry"),
        *("ResolvedModelSelection", "set_global_log_store", "reset_global_log_store", "resolve_log_store"),
        *("active_stack_log_store", "ResolvedLogStore"),
    },
    "errors": {
        *("KitaruDeploymentInputValuesError", "KitaruStackNotRemoteExecutableUsageError"),
        *("KitaruStackNotRemoteExecutableStateError", "StackNotRemoteExecutable", "build_recovery_command"),
        "execution_error_from_failure",
    },
    "events": {
        *("publish", "progress", "flush", "CHECKPOINT_STARTED_KIND", "CHECKPOINT_PROGRESS_KIND"),
        *("CHECKPOINT_RETURNED_KIND", "CHECKPOINT_FAILED_KIND"),
    },
}

# What other products of this kind have in modules of their own and this one has not, and why.
NOT_OFFERED = {
    "kitaru.analytics": "nothing is collected; the preference is kept by kitaru.config",
    "kitaru.replay": "a plan is what `executions.replay(..., dry_run=True)` returns",
    "kitaru.errors.classify_failure_origin": "where a failure came from is recorded when it happens, never guessed",
    "kitaru.errors.format_recovery_hint": "the errors hold the hint already; build_recovery_command gives the command",
    "kitaru.errors.traceback_last_line": "type and text of a failure are recorded, not cut out of its traceback",
    "kitaru.errors.traceback_exception_type": "as above",
}

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


@pytest.mark.parametrize(
    ("module", "name"), [(home, name) for home, names in IN_MODULES.items() for name in sorted(names)]
)
def test_what_is_promised_in_a_module_is_there(module, name):
    assert getattr(import_module(f"kitaru.{module}"), name) is not None


@pytest.mark.parametrize("name", sorted(NOT_OFFERED))
def test_what_is_not_offered_is_not_there(name):
    home, _, last = name.rpartition(".")
    assert not hasattr(import_module(home), last)
    assert home != "kitaru" or find_spec(name) is None


def test_one_name_is_one_thing_wherever_it_is_taken_from():
    both = [(module, name) for module in ("client", "config") for name in import_module(f"kitaru.{module}").__all__]
    assert [pair for pair in both if pair[1] in kitaru.__all__ and not is_one(*pair)] == []


def is_one(module, name):
    return getattr(import_module(f"kitaru.{module}"), name) is getattr(kitaru, name)


@pytest.mark.parametrize("method", ["deploy", "deployments", "deployment", "invoke"])
def test_a_flow_says_that_deployments_come_with_the_server(method):
    with pytest.raises(kitaru.KitaruFeatureNotAvailableError, match=f"{method}.*server"):
        getattr(kitaru.flow(lambda: None), method)()
