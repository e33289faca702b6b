"""The JSON shapes of executions, shared by every surface that a program reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kitaru.records.plain import JsonObject

if TYPE_CHECKING:
    from kitaru.operating.models import (
        ArtifactRef,
        CheckpointAttempt,
        CheckpointCall,
        Execution,
        FailureInfo,
        PendingWait,
    )

__all__ = ["artifact_shape", "checkpoint_shape", "ending_shape", "execution_shape", "summary_shape", "wait_shape"]


def failure_shape(failure: FailureInfo | None, *, detailed: bool) -> JsonObject | None:
    """Return a failure; its traceback only in detail."""
    if failure is None:
        return None
    shape = {
        "message": failure.message,
        "exception_type": failure.exception_type,
        "traceback": failure.traceback,
        "origin": failure.origin,
    }
    if not detailed:
        del shape["traceback"]
    return shape


def wait_shape(wait: PendingWait | None) -> JsonObject | None:
    """Return an open wait."""
    if wait is None:
        return None
    return {
        "wait_id": wait.wait_id,
        "name": wait.name,
        "question": wait.question,
        "schema": wait.schema,
        "metadata": wait.metadata,
        "entered_waiting_at": wait.entered_waiting_at,
    }


def artifact_shape(artifact: ArtifactRef) -> JsonObject:
    """Return a stored value, without the value."""
    shape: JsonObject = {
        "artifact_id": artifact.artifact_id,
        "name": artifact.name,
        "kind": artifact.kind,
        "save_type": artifact.save_type,
        "producing_call": artifact.producing_call,
        "metadata": artifact.metadata,
        "tags": list(artifact.tags),
    }
    if artifact.direction == "input":
        shape |= {"direction": "input", "input_type": artifact.input_type}
    return shape


def _attempt_shape(attempt: CheckpointAttempt) -> JsonObject:
    return {
        "attempt_id": attempt.attempt_id,
        "number": attempt.number,
        "status": attempt.status,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "metadata": attempt.metadata,
        "failure": failure_shape(attempt.failure, detailed=True),
        "llm_usage_records": list(attempt.llm_usage_records),
    }


def checkpoint_shape(call: CheckpointCall) -> JsonObject:
    """Return a call with its attempts and stored values."""
    return {
        "call_id": call.call_id,
        "invocation_id": call.invocation_id,
        "name": call.name,
        "index": call.index,
        "checkpoint_type": call.checkpoint_type,
        "adapter": call.adapter,
        "status": call.status,
        "cache_status": call.cache_status,
        "started_at": call.started_at,
        "ended_at": call.ended_at,
        "metadata": call.metadata,
        "inputs": call.inputs,
        "input_changed": call.input_changed,
        "effect": call.effect,
        "original_call_id": call.original_call_id,
        "parent_call_ids": list(call.parent_call_ids),
        "failure": failure_shape(call.failure, detailed=True),
        "attempts": [_attempt_shape(attempt) for attempt in call.attempts],
        "artifacts": [artifact_shape(artifact) for artifact in call.artifacts],
        "llm_usage_records": list(call.llm_usage_records),
    }


def summary_shape(execution: Execution, *, detailed: bool = False) -> JsonObject:
    """Return an execution as lists show it."""
    return {
        "exec_id": execution.exec_id,
        "flow_id": execution.flow_id,
        "flow_name": execution.flow_name,
        "status": execution.status,
        "started_at": execution.started_at,
        "ended_at": execution.ended_at,
        "stack_name": execution.stack_name,
        "status_reason": execution.status_reason,
        "pending_wait": wait_shape(execution.pending_wait),
        "failure": failure_shape(execution.failure, detailed=detailed),
        "metadata": execution.metadata,
        "checkpoint_count": execution.checkpoint_count,
        "artifact_count": execution.artifact_count,
        "llm_usage_summary": execution.llm_usage_summary,
    }


def execution_shape(execution: Execution) -> JsonObject:
    """Return an execution with all its details."""
    return {
        **summary_shape(execution, detailed=True),
        "frozen_execution_spec": execution.frozen_execution_spec,
        "original_exec_id": execution.original_exec_id,
        "llm_usage_records": execution.llm_usage_records,
        "checkpoints": [checkpoint_shape(call) for call in execution.checkpoints],
        "artifacts": [artifact_shape(artifact) for artifact in execution.artifacts],
    }


def ending_shape(execution: Execution) -> JsonObject:
    """Return how an execution ended, and the command that helps if it failed."""
    failure = execution.failure
    shape: JsonObject = {
        "status": str(execution.status),
        "message": failure.message if failure is not None else execution.status_reason,
    }
    if execution.status == "failed":
        shape["recovery_command"] = f"kitaru executions retry {execution.exec_id}"
    return shape
