"""The one checkpoint of an invocation, and its place among the others of the flow."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from kitaru.errors import KitaruUsageError
from kitaru.seam import Unit, current_scope, occurrence
from kitaru_adapters.claude_agent_sdk.codec import ResultCodec, as_result
from kitaru_adapters.claude_agent_sdk.errors import is_retryable
from kitaru_adapters.claude_agent_sdk.manifest import cache_key
from kitaru_adapters.claude_agent_sdk.settings import Place
from kitaru_adapters.claude_agent_sdk.usage import SessionLedger, SessionTotals
from kitaru_adapters.kit.configs import CheckpointConfig, with_config

if TYPE_CHECKING:
    from kitaru.seam import Call
    from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest
    from kitaru_adapters.claude_agent_sdk.settings import RunnerSettings
    from kitaru_adapters.claude_agent_sdk.types import ClaudeRunResult

__all__ = ["direct_place", "invocation_place", "invocation_unit", "remember_session"]

_DEFAULTS: CheckpointConfig = {"type": "agent_call", "retries": 0, "cache": False}
_sessions = SessionLedger()


def invocation_unit(settings: RunnerSettings, request: ClaudeRunRequest, *, streamed: bool) -> Unit:
    """Describe the checkpoint of an invocation.

    Args:
        settings: The runner's settings.
        request: The request.
        streamed: Whether partial messages are published.

    Raises:
        KitaruUsageError: It is to be cached, but something in the options cannot be looked into.
    """
    config: CheckpointConfig = {**_DEFAULTS, **settings.config}
    unit = Unit(
        name=f"{settings.name}_claude_invocation",
        adapter="claude_agent_sdk",
        kind="invocation",
        inputs={"input": _shown(request, prompt=settings.capture.save_prompt)},
        identity={"runner": settings.name, "request": request.model_dump(mode="json")},
        codec=ResultCodec(),
        retry_if=is_retryable,
        validate=_overridden,
        cache_key=_cache_key(settings, request, streamed=streamed) if config.get("cache") else None,
    )
    return with_config(unit, config)


def invocation_place(settings: RunnerSettings, request: ClaudeRunRequest, *, streamed: bool) -> Place:
    """Return the place of the next invocation of a runner in the flow body.

    Args:
        settings: The runner's settings.
        request: The request.
        streamed: Whether partial messages are published.
    """
    scope = current_scope()
    label = f"r{occurrence(f'claude_agent_sdk/{settings.name}')}"
    session_id = request.resume_session_id
    if session_id is None or scope is None:
        return Place(label=label, streamed=streamed)
    known = _sessions.get(scope.execution_id, session_id)
    resumed = occurrence(f"claude_agent_sdk/session/{session_id}")
    return Place(
        label=label,
        streamed=streamed,
        fork=scope.is_replay and (known is None or known.execution_id != scope.execution_id),
        before=known,
        parts=resumed if known is not None else 0,
        original_execution_id=scope.original_execution_id,
    )


def direct_place(settings: RunnerSettings, call: Call, *, streamed: bool) -> Place:
    """Return the place of an invocation that runs inside a checkpoint of the user's.

    Args:
        settings: The runner's settings.
        call: That checkpoint's call.
        streamed: Whether partial messages are published.
    """
    number = occurrence(f"claude_agent_sdk/{settings.name}/{call.call_id}/{call.attempt}")
    return Place(label=f"{call.invocation_id}_r{number}", streamed=streamed, direct=True)


def remember_session(result: ClaudeRunResult) -> None:
    """Take note of the session of a result, read back or new; a rerun of the body does so again.

    Args:
        result: The result.
    """
    scope, totals = current_scope(), result.metadata.get("session_totals")
    if scope is not None and result.session_id is not None and isinstance(totals, dict):
        owner = str(result.metadata.get("execution_id"))
        found = SessionTotals(owner, totals.get("cost_usd"), totals.get("model_usage") or {})
        _sessions.put(scope.execution_id, result.session_id, found)


def _shown(request: ClaudeRunRequest, *, prompt: bool) -> dict[str, object]:
    shown = request.model_dump(mode="json")
    if not prompt:
        digest = hashlib.sha256(request.prompt.encode()).hexdigest()
        shown["prompt"] = f"<{len(request.prompt)} characters, sha256 {digest}>"
    return shown


def _overridden(value: object) -> ClaudeRunResult:
    try:
        return as_result(value)
    except ValidationError as error:
        msg = (
            f"This value cannot stand for what Claude returned: {error.error_count()} fields do not fit. Give the "
            "final text, or the fields of a ClaudeRunResult."
        )
        raise KitaruUsageError(msg) from error


def _cache_key(settings: RunnerSettings, request: ClaudeRunRequest, *, streamed: bool) -> str:
    return cache_key(
        request,
        options=settings.options,
        factory=settings.options_factory,
        identity=settings.cache_identity,
        runner=settings.name,
        streamed=streamed,
    )
