"""The part of `client.executions` that looks closer: events, statistics, reasons, differences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, overload

from kitaru.errors import KitaruUsageError
from kitaru.operating.checking import FlowCheck, check_flow
from kitaru.operating.comparing import ExecutionDifference, Reason, compare, explain
from kitaru.operating.logs import LogEntry, LogFilter, follow_logs, read_logs
from kitaru.operating.pages import list_query
from kitaru.operating.statistics import (
    compute_statistics,
    group_limit,
    groupings,
    matches_metadata,
    metrics_of,
    no_tags,
)
from kitaru.operating.watching import EventFilter, ExecutionEvent, watch

if TYPE_CHECKING:
    from kitaru.journal.api import Journal
    from kitaru.operating.checking import CheckableFlow
    from kitaru.operating.statistics_models import (
        ExecutionStatistics,
        ExecutionStatisticsGrouping,
        ExecutionStatisticsMetric,
    )
    from kitaru.records.status import ExecutionStatus

__all__ = ["Inspection"]


class Inspection:
    """Looks closer at executions.

    Args:
        journal: Where they are recorded.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def events(
        self,
        exec_id: str,
        *,
        kinds: Collection[str] | None = None,
        checkpoint: str | None = None,
        correlation_ids: Collection[str] | None = None,
        since: str | None = None,
        reconnect: bool = True,
    ) -> Iterator[ExecutionEvent]:
        """Watch what the checkpoints of an execution tell, from its beginning until it has ended.

        Args:
            exec_id: The execution.
            kinds: Only events of these kinds.
            checkpoint: Only of this checkpoint.
            correlation_ids: Only of these groups.
            since: The `cursor` of the last event that was seen; what came before it is left out.
            reconnect: For a server, whose connection may break; a store of this machine has none.

        Returns:
            The events as they happen; for an execution that has ended, those that are stored.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruUsageError: A filter is blank, or the cursor is none.
        """
        del reconnect
        wanted = EventFilter.of(kinds, checkpoint, correlation_ids)
        return watch(self._journal, exec_id, wanted, since=since)

    @overload
    def logs(
        self,
        exec_id: str,
        *,
        checkpoint: str | None = None,
        source: str = "step",
        limit: int | None = None,
        since: datetime | None = None,
        follow: Literal[False] = False,
    ) -> list[LogEntry]: ...
    @overload
    def logs(
        self,
        exec_id: str,
        *,
        checkpoint: str | None = None,
        source: str = "step",
        limit: int | None = None,
        since: datetime | None = None,
        follow: Literal[True],
    ) -> Iterator[LogEntry]: ...
    def logs(
        self,
        exec_id: str,
        *,
        checkpoint: str | None = None,
        source: str = "step",
        limit: int | None = None,
        since: datetime | None = None,
        follow: bool = False,
    ) -> list[LogEntry] | Iterator[LogEntry]:
        """Return what the code of an execution printed and logged, if it ran with `KITARU_CAPTURE_LOGS=1`.

        Args:
            exec_id: The execution.
            checkpoint: Only of this checkpoint; not together with `source="runner"`.
            source: `step` for what checkpoints wrote, `runner` for what the flow's own body wrote.
            limit: At most the first so many.
            since: Only what was written after this time; the `timestamp` of an entry goes on after it.
            follow: Whether to go on with what is written from now on, until the execution has ended or waits without
                a runner.

        Returns:
            The lines, in the order in which they were written; with `follow` an iterator of them.

        Raises:
            KitaruNotFoundError: There is no such execution.
            KitaruUsageError: A filter cannot be.
            KitaruLogRetrievalError: None were kept, and none are being kept.
        """
        wanted = LogFilter(checkpoint=checkpoint, source=source, since=since, limit=limit)
        self._journal.execution(exec_id)
        return (follow_logs if follow else read_logs)(self._journal, exec_id, wanted)

    def statistics(  # noqa: PLR0913 - one keyword for each filter
        self,
        *,
        group_by: Sequence[str | ExecutionStatisticsGrouping] = (),
        metrics: Sequence[str | Mapping[str, object] | ExecutionStatisticsMetric] = (),
        flow: str | None = None,
        status: ExecutionStatus | str | None = None,
        stack: str | None = None,
        tags: Sequence[str] | None = None,
        since: datetime | None = None,
        metadata: Mapping[str, object] | None = None,
        max_groups: int = 1000,
    ) -> ExecutionStatistics:
        """Count and measure executions in groups.

        Args:
            group_by: `status`, `flow`, `stack`, `time:hour|day|week|month`, `metadata:<key>`, or groupings. Without
                any there is one group of all.
            metrics: `<name>:<source>:<aggregation>` with the sources `duration`, `step_count`, `cached_step_count`,
                `output_artifact_count` and `metadata:<key>`, and the aggregations `avg`, `sum`, `min`, `max`.
            flow: Only of this flow.
            status: Only in this state.
            stack: Only on this stack.
            tags: Executions have no tags here.
            since: Only created at or after this time.
            metadata: Only with these values in their metadata.
            max_groups: At most this many groups.

        Returns:
            The groups, the largest first; with a grouping by time the oldest first, and the newest ones if there are
            too many.

        Raises:
            KitaruUsageError: Something that was asked for cannot be.
            KitaruFeatureNotAvailableError: Tags were asked for.
        """
        by, measured, most = groupings(group_by), metrics_of(metrics), group_limit(max_groups)
        if isinstance(tags, str):
            msg = f"tags= takes a list of texts, not the text {tags!r}."
            raise KitaruUsageError(msg)
        if tags:
            raise no_tags()
        rows = self._journal.executions(list_query(flow=flow, status=status, stack=stack, since=since))
        if metadata:
            rows = [row for row in rows if matches_metadata(self._journal, row, metadata)]
        return compute_statistics(self._journal, rows, by, measured, most)

    def why(self, exec_id: str) -> Reason:
        """Say what an execution waits for, and what lets it go on.

        Args:
            exec_id: The execution.

        Raises:
            KitaruNotFoundError: There is no such execution.
        """
        return explain(self._journal, exec_id)

    def check(
        self, flow: CheckableFlow, *, status: ExecutionStatus | str | None = None, timeout: float = 30.0
    ) -> FlowCheck:
        """Hold every execution of a flow that waits, has failed or is running against the present code.

        The flow's own code runs from its top, with what is recorded handed back, up to the first call or question that
        is not recorded. No checkpoint body runs, no model is called, nothing is recorded; what the flow's code does
        between its boundaries is done.

        Args:
            flow: The flow, an object that `@flow` has made.
            status: Only those in this state.
            timeout: Seconds the flow's own code may take for each.

        Returns:
            What becomes of each, newest first.

        Raises:
            KitaruUsageError: That is no flow, or the state or the time cannot be.
        """
        return check_flow(self._journal, flow, status=status, timeout=timeout)

    def diff(self, first: str, second: str) -> ExecutionDifference:
        """Compare two executions call by call.

        Args:
            first: One execution, such as the source of a replay.
            second: The other one, such as the replay.

        Returns:
            Where they differ, call by call.

        Raises:
            KitaruNotFoundError: One of them does not exist.
        """
        return compare(self._journal, first, second)
