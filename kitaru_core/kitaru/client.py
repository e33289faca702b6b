"""The clients, and everything that they return."""

from __future__ import annotations

from kitaru.operating.async_client import KitaruAsyncClient
from kitaru.operating.checking import FlowCheck
from kitaru.operating.client import KitaruClient
from kitaru.operating.comparing import ExecutionDifference, Reason
from kitaru.operating.logs import LogEntry
from kitaru.operating.models import (
    ArtifactRef,
    CheckpointAttempt,
    CheckpointCall,
    Execution,
    FailureInfo,
    FrozenExecutionSpec,
    PendingWait,
    WaitInfo,
)
from kitaru.operating.statistics_models import (
    ExecutionStatistics,
    ExecutionStatisticsGroup,
    ExecutionStatisticsGrouping,
    ExecutionStatisticsMetric,
)
from kitaru.operating.watching import ExecutionEvent
from kitaru.records.status import ExecutionStatus

__all__ = [
    "ArtifactRef",
    "CheckpointAttempt",
    "CheckpointCall",
    "Execution",
    "ExecutionDifference",
    "ExecutionEvent",
    "ExecutionStatistics",
    "ExecutionStatisticsGroup",
    "ExecutionStatisticsGrouping",
    "ExecutionStatisticsMetric",
    "ExecutionStatus",
    "FailureInfo",
    "FlowCheck",
    "FrozenExecutionSpec",
    "KitaruAsyncClient",
    "KitaruClient",
    "LogEntry",
    "PendingWait",
    "Reason",
    "WaitInfo",
]
