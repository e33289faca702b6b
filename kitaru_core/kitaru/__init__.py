"""kitaru: the durable runtime underneath AI agents.

`@flow` and `@checkpoint` make a run durable, `wait` asks a person, and adapters at `kitaru.adapters` do the same for
the model and tool calls of an agent framework. Names are loaded on first use; importing the package reads no file,
opens no connection and loads no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kitaru.version import __version__

if TYPE_CHECKING:
    from kitaru import events
    from kitaru.authoring.arguments import unmapped
    from kitaru.authoring.checkpoints import checkpoint
    from kitaru.authoring.flows import flow
    from kitaru.authoring.handles import FlowHandle
    from kitaru.authoring.llm_calls import llm, llm_async
    from kitaru.authoring.values import current_execution_id, load, log, progress, save
    from kitaru.authoring.waiting import wait, wait_async
    from kitaru.engine.call import current_call
    from kitaru.engine.fanout import CheckpointFuture, MapFuture
    from kitaru.engine.irreversible import Reconciled
    from kitaru.engine.replay import ReplayPlan
    from kitaru.engine.retrying import RetryPolicy
    from kitaru.errors import (
        FailureOrigin,
        KitaruAmbiguousFlowResultError,
        KitaruBackendError,
        KitaruContextError,
        KitaruDivergenceError,
        KitaruError,
        KitaruExecutionError,
        KitaruFeatureNotAvailableError,
        KitaruLogRetrievalError,
        KitaruNotFoundError,
        KitaruRuntimeError,
        KitaruStackIntegrationDependencyError,
        KitaruStateError,
        KitaruTimeoutError,
        KitaruUsageError,
        KitaruUserCodeError,
        KitaruWaitValidationError,
    )
    from kitaru.operating.async_client import KitaruAsyncClient
    from kitaru.operating.client import KitaruClient
    from kitaru.operating.logs import LogEntry
    from kitaru.operating.models import (
        ArtifactRef,
        CheckpointAttempt,
        CheckpointCall,
        Execution,
        FailureInfo,
        PendingWait,
    )
    from kitaru.operating.statistics_models import (
        ExecutionStatistics,
        ExecutionStatisticsDimension,
        ExecutionStatisticsGroup,
        ExecutionStatisticsGrouping,
        ExecutionStatisticsMetric,
        ExecutionStatisticsMetricAggregation,
        ExecutionStatisticsMetricSource,
        ExecutionStatisticsTimeGranularity,
    )
    from kitaru.operating.watching import ExecutionEvent
    from kitaru.records.status import ExecutionStatus
    from kitaru.sandbox.commands import run_sandbox_command
    from kitaru.sandbox.models import SandboxCommandResult
    from kitaru.secrets.api import Secret, SecretSummary
    from kitaru.secrets.registry import create_secret, delete_secret, get_secret
    from kitaru.settings.config import KitaruConfig
    from kitaru.settings.image import ImageSettings
    from kitaru.settings.runtime import configure
    from kitaru.settings.servers import connect
    from kitaru.stacks.registry import StackInfo, create_stack, current_stack, delete_stack, list_stacks, use_stack

_HOMES = {
    "kitaru.authoring.arguments": ("unmapped",),
    "kitaru.authoring.checkpoints": ("checkpoint",),
    "kitaru.authoring.flows": ("flow",),
    "kitaru.authoring.handles": ("FlowHandle",),
    "kitaru.authoring.llm_calls": ("llm", "llm_async"),
    "kitaru.authoring.values": ("current_execution_id", "load", "log", "progress", "save"),
    "kitaru.authoring.waiting": ("wait", "wait_async"),
    "kitaru.engine.call": ("current_call",),
    "kitaru.engine.fanout": ("CheckpointFuture", "MapFuture"),
    "kitaru.engine.irreversible": ("Reconciled",),
    "kitaru.engine.replay": ("ReplayPlan",),
    "kitaru.engine.retrying": ("RetryPolicy",),
    "kitaru.errors": (
        "FailureOrigin",
        "KitaruAmbiguousFlowResultError",
        "KitaruBackendError",
        "KitaruContextError",
        "KitaruDivergenceError",
        "KitaruError",
        "KitaruExecutionError",
        "KitaruFeatureNotAvailableError",
        "KitaruLogRetrievalError",
        "KitaruNotFoundError",
        "KitaruRuntimeError",
        "KitaruStackIntegrationDependencyError",
        "KitaruStateError",
        "KitaruTimeoutError",
        "KitaruUsageError",
        "KitaruUserCodeError",
        "KitaruWaitValidationError",
    ),
    "kitaru.operating.async_client": ("KitaruAsyncClient",),
    "kitaru.operating.client": ("KitaruClient",),
    "kitaru.operating.logs": ("LogEntry",),
    "kitaru.operating.models": (
        "ArtifactRef",
        "CheckpointAttempt",
        "CheckpointCall",
        "Execution",
        "FailureInfo",
        "PendingWait",
    ),
    "kitaru.operating.statistics_models": (
        "ExecutionStatistics",
        "ExecutionStatisticsDimension",
        "ExecutionStatisticsGroup",
        "ExecutionStatisticsGrouping",
        "ExecutionStatisticsMetric",
        "ExecutionStatisticsMetricAggregation",
        "ExecutionStatisticsMetricSource",
        "ExecutionStatisticsTimeGranularity",
    ),
    "kitaru.operating.watching": ("ExecutionEvent",),
    "kitaru.records.status": ("ExecutionStatus",),
    "kitaru.sandbox.commands": ("run_sandbox_command",),
    "kitaru.sandbox.models": ("SandboxCommandResult",),
    "kitaru.secrets.api": ("Secret", "SecretSummary"),
    "kitaru.secrets.registry": ("create_secret", "delete_secret", "get_secret"),
    "kitaru.settings.config": ("KitaruConfig",),
    "kitaru.settings.image": ("ImageSettings",),
    "kitaru.settings.runtime": ("configure",),
    "kitaru.settings.servers": ("connect",),
    "kitaru.stacks.registry": (
        "StackInfo",
        "create_stack",
        "current_stack",
        "delete_stack",
        "list_stacks",
        "use_stack",
    ),
}
_MODULES = frozenset({"events"})
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ArtifactRef",
    "CheckpointAttempt",
    "CheckpointCall",
    "CheckpointFuture",
    "Execution",
    "ExecutionEvent",
    "ExecutionStatistics",
    "ExecutionStatisticsDimension",
    "ExecutionStatisticsGroup",
    "ExecutionStatisticsGrouping",
    "ExecutionStatisticsMetric",
    "ExecutionStatisticsMetricAggregation",
    "ExecutionStatisticsMetricSource",
    "ExecutionStatisticsTimeGranularity",
    "ExecutionStatus",
    "FailureInfo",
    "FailureOrigin",
    "FlowHandle",
    "ImageSettings",
    "KitaruAmbiguousFlowResultError",
    "KitaruAsyncClient",
    "KitaruBackendError",
    "KitaruClient",
    "KitaruConfig",
    "KitaruContextError",
    "KitaruDivergenceError",
    "KitaruError",
    "KitaruExecutionError",
    "KitaruFeatureNotAvailableError",
    "KitaruLogRetrievalError",
    "KitaruNotFoundError",
    "KitaruRuntimeError",
    "KitaruStackIntegrationDependencyError",
    "KitaruStateError",
    "KitaruTimeoutError",
    "KitaruUsageError",
    "KitaruUserCodeError",
    "KitaruWaitValidationError",
    "LogEntry",
    "MapFuture",
    "PendingWait",
    "Reconciled",
    "ReplayPlan",
    "RetryPolicy",
    "SandboxCommandResult",
    "Secret",
    "SecretSummary",
    "StackInfo",
    "__version__",
    "checkpoint",
    "configure",
    "connect",
    "create_secret",
    "create_stack",
    "current_call",
    "current_execution_id",
    "current_stack",
    "delete_secret",
    "delete_stack",
    "events",
    "flow",
    "get_secret",
    "list_stacks",
    "llm",
    "llm_async",
    "load",
    "log",
    "progress",
    "run_sandbox_command",
    "save",
    "unmapped",
    "use_stack",
    "wait",
    "wait_async",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name in _MODULES:
        return import_module(f"kitaru.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        msg = f"module 'kitaru' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
