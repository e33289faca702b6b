"""What statistics of executions are asked for with, and what they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kitaru.records.plain import JsonMapping

__all__ = [
    "ExecutionStatistics",
    "ExecutionStatisticsDimension",
    "ExecutionStatisticsGroup",
    "ExecutionStatisticsGrouping",
    "ExecutionStatisticsMetric",
    "ExecutionStatisticsMetricAggregation",
    "ExecutionStatisticsMetricSource",
    "ExecutionStatisticsTimeGranularity",
]


class ExecutionStatisticsDimension(StrEnum):
    """What executions are grouped by."""

    STATUS = "status"
    FLOW = "flow"
    STACK = "stack"
    TAG = "tag"
    TIME = "time"
    METADATA = "metadata"


class ExecutionStatisticsTimeGranularity(StrEnum):
    """How long a group in time is; all begin in UTC, weeks on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class ExecutionStatisticsMetricSource(StrEnum):
    """What is measured of each execution."""

    DURATION = "duration"
    STEP_COUNT = "step_count"
    CACHED_STEP_COUNT = "cached_step_count"
    OUTPUT_ARTIFACT_COUNT = "output_artifact_count"
    METADATA = "metadata"


class ExecutionStatisticsMetricAggregation(StrEnum):
    """What is made of the measures of a group."""

    AVG = "avg"
    SUM = "sum"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class ExecutionStatisticsGrouping:
    """One thing to group by.

    Attributes:
        dimension: What it is.
        name: Key of it in the groups; by default the dimension's own.
        time_granularity: For time: how long a group is.
        metadata_key: For metadata: which.
    """

    dimension: ExecutionStatisticsDimension
    name: str | None = None
    time_granularity: ExecutionStatisticsTimeGranularity | None = None
    metadata_key: str | None = None


@dataclass(frozen=True, slots=True)
class ExecutionStatisticsMetric:
    """One thing to measure.

    Attributes:
        name: Its name in the groups.
        source: What is measured of each execution.
        aggregation: What is made of the measures of a group.
        metadata_key: For metadata: which.
    """

    name: str
    source: ExecutionStatisticsMetricSource
    aggregation: ExecutionStatisticsMetricAggregation
    metadata_key: str | None = None


@dataclass(frozen=True, slots=True)
class ExecutionStatisticsGroup:
    """The executions that have the same keys.

    Attributes:
        keys: What they share, by name.
        execution_count: How many they are.
        metrics: Their measures; `None` where none of them has that measure as a number.
    """

    keys: JsonMapping
    execution_count: int
    metrics: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExecutionStatistics:
    """Groups of executions.

    Attributes:
        groups: The largest first; with a grouping by time, the oldest first.
        truncated: Whether there are more groups than were asked for.
    """

    groups: list[ExecutionStatisticsGroup]
    truncated: bool = False
