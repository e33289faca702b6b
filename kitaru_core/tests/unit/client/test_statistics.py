"""Counting and measuring executions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kitaru import (
    ExecutionStatisticsDimension,
    ExecutionStatisticsGrouping,
    KitaruExecutionError,
    KitaruFeatureNotAvailableError,
    KitaruUsageError,
    checkpoint,
    flow,
    log,
)


@checkpoint
def step(n):
    return n


@flow
def counts(n, team):
    log(team=team, price=n, note="text")
    step(n)
    step(n)
    if n == 3:
        raise ValueError(n)


@flow
def other():
    return 1


@pytest.fixture
def statistics(client):
    for n, team in ((1, "red"), (2, "red"), (3, "blue")):
        try:
            counts.run(n, team).wait(10)
        except KitaruExecutionError:
            continue
    return client.executions.statistics


def test_without_a_grouping_there_is_one_group_even_of_nothing(client):
    found = client.executions.statistics(metrics=["steps:step_count:sum"])
    assert [(group.keys, group.execution_count, group.metrics) for group in found.groups] == [({}, 0, {"steps": None})]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("status", [({"status": "completed"}, 2), ({"status": "failed"}, 1)]),
        ("flow", [({"flow_id": "counts", "flow_name": "counts"}, 3)]),
        ("metadata:team", [({"team": "red"}, 2), ({"team": "blue"}, 1)]),
        ("metadata:nothing", [({"nothing": None}, 3)]),
    ],
)
def test_groups_are_counted_and_the_largest_comes_first(statistics, by, expected):
    assert [(group.keys, group.execution_count) for group in statistics(group_by=[by]).groups] == expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("m:step_count:sum", 6.0),
        ("m:output_artifact_count:max", 2.0),
        ("m:cached_step_count:sum", 0.0),
        ("m:metadata:price:avg", 2.0),
        ("m:metadata:note:avg", None),
        ({"name": "m", "source": "metadata", "aggregation": "min", "metadata_key": "price"}, 1.0),
    ],
)
def test_groups_are_measured(statistics, metric, expected):
    assert statistics(metrics=[metric]).groups[0].metrics == {"m": expected}


def test_durations_are_positive(statistics):
    assert statistics(metrics=["m:duration:min"]).groups[0].metrics["m"] > 0


@pytest.mark.parametrize("length", ["hour", "day", "week", "month"])
def test_time_is_cut_in_utc(statistics, length):
    (group,) = statistics(group_by=[f"time:{length}"]).groups
    begin = datetime.fromisoformat(group.keys[length])
    assert begin.tzinfo is not None
    assert timedelta() <= datetime.now(UTC) - begin <= timedelta(days=32)


def test_too_many_groups_are_cut_off(statistics):
    found = statistics(group_by=["metadata:price"], max_groups=2)
    assert (len(found.groups), found.truncated) == (2, True)


def test_filters_come_before_counting(statistics):
    other.run().wait(10)
    assert statistics(flow="counts").groups[0].execution_count == 3
    assert statistics(status="failed").groups[0].execution_count == 1
    assert statistics(metadata={"team": "red"}).groups[0].execution_count == 2
    assert statistics(since=datetime.now(UTC) + timedelta(days=1)).groups[0].execution_count == 0


def test_groupings_can_be_named(statistics):
    by = ExecutionStatisticsGrouping(ExecutionStatisticsDimension.STATUS, name="state")
    assert set(statistics(group_by=[by, "status"]).groups[0].keys) == {"state", "status"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"group_by": "status"},
        {"group_by": ["status", "status"]},
        {"group_by": ["time:day", "time:week"]},
        {"group_by": ["time:year"]},
        {"group_by": ["colour"]},
        {"group_by": ["metadata:"]},
        {"metrics": ["m:duration"]},
        {"metrics": ["m:duration:median"]},
        {"metrics": ["m:metadata:sum"]},
        {"metrics": ["m:duration:avg", "m:duration:sum"]},
        {"tags": "red"},
        {"status": "asleep"},
        {"max_groups": 0},
        {"max_groups": True},
        {"max_groups": 10_001},
    ],
)
def test_what_cannot_be_asked_is_refused(client, wrong):
    with pytest.raises(KitaruUsageError):
        client.executions.statistics(**wrong)


def test_tags_are_not_there(client):
    with pytest.raises(KitaruFeatureNotAvailableError, match="metadata:team"):
        client.executions.statistics(group_by=["tag"])
