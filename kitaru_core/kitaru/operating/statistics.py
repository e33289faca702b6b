"""Counting and measuring executions in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from kitaru.engine.summaries import totals_of
from kitaru.errors import KitaruFeatureNotAvailableError, KitaruUsageError
from kitaru.journal.api import effective_status
from kitaru.operating.reading import moment
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
from kitaru.records.facts import CheckpointCompleted, CheckpointReused
from kitaru.records.plain import JsonObject

if TYPE_CHECKING:
    from enum import StrEnum

    from kitaru.journal.api import ExecutionRow, Journal

__all__ = ["compute_statistics", "group_limit", "groupings", "metrics_of"]

Dimension = ExecutionStatisticsDimension
Source = ExecutionStatisticsMetricSource
E = TypeVar("E", bound="StrEnum")

_MOST = 10_000
_KEYS = {Dimension.FLOW: "flow_id", Dimension.STACK: "stack_id"}
_AGGREGATE: dict[str, Callable[[Sequence[float]], float]] = {
    "avg": lambda values: sum(values) / len(values),
    "sum": sum,
    "min": min,
    "max": max,
}


def compute_statistics(
    journal: Journal,
    rows: Iterable[ExecutionRow],
    by: Sequence[ExecutionStatisticsGrouping],
    metrics: Sequence[ExecutionStatisticsMetric],
    most: int,
) -> ExecutionStatistics:
    """Group executions and measure the groups.

    Args:
        journal: Where they are recorded.
        rows: The executions.
        by: What to group by, checked.
        metrics: What to measure, checked.
        most: How many groups to return.
    """
    found: dict[tuple[object, ...], list[_Measured]] = {} if by else {(): []}
    for row in rows:
        one = _Measured(journal, row)
        found.setdefault(tuple(_hashable(one.key(grouping)) for grouping in by), []).append(one)
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    times = [n for n, grouping in enumerate(by) if grouping.dimension is Dimension.TIME]
    if times:
        ordered.sort(key=lambda item: str(item[0][times[0]]))
    chosen = ordered[-most:] if times else ordered[:most]
    groups = [
        ExecutionStatisticsGroup(
            keys={name: key for grouping, key in zip(by, keys, strict=True) for name, key in _named(grouping, key)},
            execution_count=len(members),
            metrics={metric.name: _aggregated(metric, members) for metric in metrics},
        )
        for keys, members in chosen
    ]
    return ExecutionStatistics(groups=groups, truncated=len(ordered) > most)


class _Measured:
    """One execution, measured as far as it is asked about."""

    def __init__(self, journal: Journal, row: ExecutionRow) -> None:
        self._journal = journal
        self._row = row
        self._summary: JsonObject | None = None

    def key(self, grouping: ExecutionStatisticsGrouping) -> object:
        row = self._row
        match grouping.dimension:
            case Dimension.STATUS:
                return effective_status(row)
            case Dimension.FLOW:
                return row.flow
            case Dimension.STACK:
                return row.stack
            case Dimension.TIME:
                return _bucket(cast("datetime", moment(row.created_at)), grouping.time_granularity)
            case _:
                return self.metadata().get(grouping.metadata_key or "")

    def value(self, metric: ExecutionStatisticsMetric) -> float | None:
        row = self._row
        found: object = None
        match metric.source:
            case Source.DURATION:
                ended = row.ended_at is not None and row.started_at is not None
                found = cast("float", row.ended_at) - cast("float", row.started_at) if ended else None
            case Source.STEP_COUNT:
                found = self.summary().get("checkpoints", 0)
            case Source.OUTPUT_ARTIFACT_COUNT:
                found = self.summary().get("artifacts", 0)
            case Source.CACHED_STEP_COUNT:
                found = sum(_is_cached(record.fact) for record in self._journal.records(row.id))
            case _:
                found = self.metadata().get(metric.metadata_key or "")
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None

    def summary(self) -> JsonObject:
        if self._summary is None:
            known = dict(self._row.summary)
            self._summary = (
                known if "checkpoints" in known else totals_of(self._journal.records(self._row.id)).as_dict()
            )
        return self._summary

    def metadata(self) -> JsonObject:
        """Return what the flow's body logged, and the totals of model usage under names of their own."""
        usage = self.summary().get("usage") or {}
        told = {f"kitaru_llm_{name}_v1": value for name, value in usage.items() if isinstance(value, int | float)}
        return {**told, **self.summary().get("metadata", {})}


def matches_metadata(journal: Journal, row: ExecutionRow, wanted: Mapping[str, object]) -> bool:
    """Say whether an execution's metadata has certain values."""
    known = _Measured(journal, row).metadata()
    return all(name in known and known[name] == value for name, value in wanted.items())


def _is_cached(fact: object) -> bool:
    return isinstance(fact, CheckpointReused) or (isinstance(fact, CheckpointCompleted) and fact.cache_status == "hit")


def _aggregated(metric: ExecutionStatisticsMetric, members: Sequence[_Measured]) -> float | None:
    values = [value for one in members if (value := one.value(metric)) is not None]
    return _AGGREGATE[metric.aggregation](values) if values else None


def _bucket(at: datetime, length: ExecutionStatisticsTimeGranularity | None) -> str:
    hour = at.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match length:
        case ExecutionStatisticsTimeGranularity.HOUR:
            return hour.isoformat()
        case ExecutionStatisticsTimeGranularity.WEEK:
            return (day - timedelta(days=day.weekday())).isoformat()
        case ExecutionStatisticsTimeGranularity.MONTH:
            return day.replace(day=1).isoformat()
        case _:
            return day.isoformat()


def _hashable(key: object) -> object:
    # Logged values may be lists and dicts; what they look like tells them apart.
    return key if isinstance(key, str | int | float | None) else msgspec.json.encode(key).decode()


def _name(grouping: ExecutionStatisticsGrouping) -> str:
    if grouping.name is not None:
        return grouping.name
    if grouping.dimension is Dimension.TIME:
        return str(grouping.time_granularity)
    return grouping.metadata_key or _KEYS.get(grouping.dimension, str(grouping.dimension))


def _named(grouping: ExecutionStatisticsGrouping, key: object) -> list[tuple[str, object]]:
    """Name a key; flows and stacks are named by their names as well, which are their ids here."""
    both = grouping.name is None and grouping.dimension in _KEYS
    return [(_name(grouping), key), *([(f"{grouping.dimension}_name", key)] if both else [])]


def groupings(asked: object) -> list[ExecutionStatisticsGrouping]:
    """Check what to group by.

    Args:
        asked: Groupings, or texts such as `status`, `time:day` and `metadata:<key>`.

    Raises:
        KitaruUsageError: One is not known, two have one name, or there are two of time.
        KitaruFeatureNotAvailableError: Tags were asked for.
    """
    found = [
        one if isinstance(one, ExecutionStatisticsGrouping) else _grouping(one) for one in _listed(asked, "group_by")
    ]
    names = [_name(one) for one in found]
    if len(set(names)) < len(names):
        msg = f"group_by= has two groupings of one name: {', '.join(names)}. Give one of them another name=."
        raise KitaruUsageError(msg)
    if sum(one.dimension is Dimension.TIME for one in found) > 1:
        msg = "group_by= takes one grouping by time; the shorter one tells more."
        raise KitaruUsageError(msg)
    if any(one.dimension is Dimension.TAG for one in found):
        raise no_tags()
    return found


def no_tags() -> KitaruFeatureNotAvailableError:
    """Build the error for tags, which executions in a local store do not have."""
    msg = (
        "Executions have no tags here. Log metadata in the flow, `log(team=...)`, and group statistics by "
        "`metadata:team` instead."
    )
    return KitaruFeatureNotAvailableError(msg)


def _grouping(text: object) -> ExecutionStatisticsGrouping:
    kind, _, rest = str(text).partition(":") if isinstance(text, str) else ("", "", "")
    dimension = _member(Dimension, kind, "group_by", text)
    if dimension is Dimension.TIME:
        length = _member(ExecutionStatisticsTimeGranularity, rest, "group_by time", text)
        return ExecutionStatisticsGrouping(dimension, time_granularity=length)
    if dimension is Dimension.METADATA and rest.strip():
        return ExecutionStatisticsGrouping(dimension, metadata_key=rest)
    if rest or dimension is Dimension.METADATA:
        msg = f"group_by={text!r} cannot be; write status, flow, stack, time:day or metadata:<key>."
        raise KitaruUsageError(msg)
    return ExecutionStatisticsGrouping(dimension)


def metrics_of(asked: object) -> list[ExecutionStatisticsMetric]:
    """Check what to measure.

    Args:
        asked: Metrics, mappings of their fields, or texts such as `time:duration:avg` and
            `price:metadata:<key>:sum`.

    Raises:
        KitaruUsageError: One is not known, or two have one name.
    """
    found = [_metric(one) for one in _listed(asked, "metrics")]
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        msg = f"metrics= has two of one name: {', '.join(names)}."
        raise KitaruUsageError(msg)
    return found


def _metric(asked: object) -> ExecutionStatisticsMetric:
    if isinstance(asked, ExecutionStatisticsMetric):
        return asked
    key: object
    if isinstance(asked, Mapping):
        name, source, how, key = (asked.get(part) for part in ("name", "source", "aggregation", "metadata_key"))
    else:
        parts = asked.split(":") if isinstance(asked, str) else []
        if len(parts) < 3:  # noqa: PLR2004 - name, source, aggregation
            msg = f"metrics={asked!r} cannot be; write <name>:<source>:<aggregation>, such as time:duration:avg."
            raise KitaruUsageError(msg)
        name, source, how = parts[0], parts[1], parts[-1]
        key = ":".join(parts[2:-1]) or None
    found = _member(Source, source, "metrics source", asked)
    if not isinstance(name, str) or not name.strip() or (found is Source.METADATA) != bool(key):
        msg = f"metrics={asked!r} cannot be: it needs a name, and a key for metadata only."
        raise KitaruUsageError(msg)
    aggregation = _member(ExecutionStatisticsMetricAggregation, how, "metrics aggregation", asked)
    return ExecutionStatisticsMetric(name, found, aggregation, None if key is None else str(key))


def group_limit(most: object) -> int:
    """Check how many groups to return.

    Raises:
        KitaruUsageError: It is no whole number from 1 to 10000.
    """
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= _MOST:
        msg = f"max_groups must be a whole number from 1 to {_MOST}, not {most!r}."
        raise KitaruUsageError(msg)
    return most


def _listed(asked: object, what: str) -> list[object]:
    if isinstance(asked, str) or not isinstance(asked, Sequence):
        msg = f"{what}= takes a list, not {asked!r}."
        raise KitaruUsageError(msg)
    return list(asked)


def _member(kind: type[E], value: object, what: str, asked: object) -> E:
    try:
        return kind(str(value).strip().casefold())
    except ValueError:
        msg = f"{what}: {value!r} in {asked!r} is not known; use one of: {', '.join(kind)}."
        raise KitaruUsageError(msg) from None
