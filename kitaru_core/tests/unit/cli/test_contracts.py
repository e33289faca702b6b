"""What programs read: exact keys, nothing else on standard output, errors on standard error."""

from __future__ import annotations

import json

import pytest

SUMMARY = frozenset(
    [
        "exec_id",
        "flow_id",
        "flow_name",
        "status",
        "started_at",
        "ended_at",
        "stack_name",
        "status_reason",
        "pending_wait",
        "failure",
        "metadata",
        "checkpoint_count",
        "artifact_count",
        "llm_usage_summary",
    ]
)
EXECUTION = SUMMARY | {"frozen_execution_spec", "original_exec_id", "llm_usage_records", "checkpoints", "artifacts"}
CHECKPOINT = frozenset(
    [
        "call_id",
        "name",
        "checkpoint_type",
        "status",
        "started_at",
        "ended_at",
        "metadata",
        "original_call_id",
        "parent_call_ids",
        "failure",
        "attempts",
        "artifacts",
        "llm_usage_records",
    ]
)
ARTIFACT = {"artifact_id", "name", "kind", "save_type", "producing_call", "metadata"}
WAIT = {"wait_id", "name", "question", "schema", "metadata", "entered_waiting_at"}
STATUS = frozenset(
    [
        "sdk_version",
        "connection",
        "connection_target",
        "config_directory",
        "server_url",
        "active_user",
        "project_override",
        "active_stack",
        "repository_root",
        "server_version",
        "server_database",
        "server_deployment_type",
        "local_server_status",
        "warning",
        "log_store_status",
        "log_store_warning",
        "environment",
        "kitaru_global_config_path",
        "local_stores_path",
        "repository_config_path",
        "uses_repo_local_config",
        "connection_sources",
        "active_project",
        "active_stack_provenance",
        "active_project_provenance",
        "python_version",
        "system_info",
        "environment_type",
        "packages",
    ]
)
CLEAN = frozenset(
    [
        "scope",
        "dry_run",
        "aborted",
        "backup_path",
        "deleted_paths",
        "local_server_stopped",
        "local_server_force_killed_pid",
        "local_server_status",
        "reinitialized_project",
        "warnings",
        "active_environment_overrides",
        "preview",
        "total_bytes",
    ]
)


def test_a_list_holds_summaries_with_true_counts(kitaru, started):
    started("order", "tea")
    shown = kitaru("executions", "list", "-o", "json")
    assert set(json.loads(shown.out)) == {"command", "items", "count"}
    (item,) = shown.items
    assert set(item) == SUMMARY
    assert (item["checkpoint_count"], item["artifact_count"], item["status"]) == (1, 2, "waiting")
    assert set(item["pending_wait"]) == WAIT


def test_an_execution_has_its_calls_attempts_and_values(kitaru, started):
    item = kitaru("executions", "get", started("order", "tea"), "-o", "json").item
    assert set(item) == EXECUTION
    (call,) = item["checkpoints"]
    assert set(call) > CHECKPOINT
    assert {"attempt_id", "status", "failure"} < set(call["attempts"][0])
    assert all(set(artifact) >= ARTIFACT for artifact in item["artifacts"])


def test_a_failure_has_its_traceback_in_detail_only(kitaru, started):
    failed = started("purchase", "tea")
    (item,) = kitaru("executions", "list", "-o", "json").items
    assert set(item["failure"]) == {"message", "exception_type", "origin"}
    assert "ConnectionError" in kitaru("executions", "get", failed, "-o", "json").item["failure"]["traceback"]


def test_status_and_clean_have_the_promised_keys(kitaru, started):
    started("quick", "tea")
    assert set(kitaru("status", "-o", "json").item) == STATUS
    assert set(kitaru("clean", "global", "--dry-run", "-o", "json").item) == CLEAN


def test_waits_and_artifacts_are_lists_of_the_same_shapes(kitaru, started):
    waiting = started("order", "tea")
    (wait,) = kitaru("waits", "-o", "json").items
    assert set(wait) == WAIT | {"exec_id", "flow_name"}
    first, *_ = kitaru("artifacts", "list", waiting, "--name", "receipt", "-o", "json").items
    value = kitaru("artifacts", "get", first["artifact_id"], "-o", "json").item
    assert (value["value"], value["value_format"], value["value_type"]) == ({"item": "tea"}, "json", "builtins.dict")


def test_operands_may_be_named(kitaru, started):
    waiting = started("order", "tea")
    assert kitaru("executions", "get", "--exec-id", waiting, "--output", " JSON ").item["exec_id"] == waiting


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("executions", "get", "nowhere"), 1),
        (("executions", "get"), 2),
        (("executions", "gett", "x"), 2),
        (("executions", "get", "x", "extra"), 2),
        (("executions", "list", "--limit", "many"), 2),
        (("executions", "list", "--limit", "0"), 1),
        (("executions", "list", "--page", "0"), 1),
        (("executions", "list", "--limit", "1", "--size", "3"), 1),
        (("executions", "list", "--status", "asleep"), 1),
        (("executions", "input", "x"), 1),
        (("executions", "replay", "x", "--from", "a", "--override", "checkpoint.a"), 1),
        (("stack", "delete", "x", "true"), 2),
    ],
)
def test_what_is_refused_is_told_as_json_and_nothing_is_printed(kitaru, arguments, code):
    shown = kitaru(*arguments, "-o", "json")
    assert (shown.code, shown.out) == (code, "")
    told = json.loads(shown.err)
    assert set(told) == {"command", "error"}
    assert set(told["error"]) == {"message", "type"}
    assert told["command"] == ".".join(arguments[:2])


@pytest.mark.parametrize(
    "words", ["-o json executions list", "executions -o json list", "--output=JSON executions list --limit 3"]
)
def test_the_format_may_stand_anywhere(kitaru, words):
    assert json.loads(kitaru(*words.split()).out)["command"] == "executions.list"


def test_an_unknown_format_is_an_error_for_people(kitaru):
    shown = kitaru("status", "-o", "xml")
    assert (shown.code, shown.out) == (1, "")
    assert "text or json" in shown.err


@pytest.mark.parametrize("command", ["login", "build", "deploy", "invoke", "flow list", "auth token"])
def test_what_comes_with_the_server_says_so(kitaru, command):
    shown = kitaru(*command.split(), "--any", "thing", "-o", "json")
    assert (shown.code, shown.out) == (1, "")
    error = json.loads(shown.err)["error"]
    assert error["type"] == "KitaruFeatureNotAvailableError"
    assert f"`kitaru {command}`" in error["message"]
