"""A call that is found by its key keeps its invocation id; no new call of the same name ever gets it."""

from __future__ import annotations

import msgspec
import pytest

import kitaru
from kitaru import seam


class StoppedError(Exception):
    pass


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))


def keyed(*keys, fail_at=None):
    unit = seam.Unit(name="step", adapter="test")
    values = []
    for key in keys:
        if key == fail_at:
            raise StoppedError(key)
        values.append(seam.run_unit(msgspec.structs.replace(unit, key=key), lambda _, value=key: value).value)
    return values


def test_a_new_call_after_found_ones_gets_an_id_of_its_own():
    stops = ["b", "c", "d", None]

    @kitaru.flow
    def steps() -> list[str]:
        return keyed("a", "b", "c", "d", fail_at=stops.pop(0))

    exec_id = steps.run().exec_id
    client = kitaru.KitaruClient()
    with pytest.raises(kitaru.KitaruExecutionError):
        kitaru.FlowHandle.from_exec_id(exec_id).wait()
    while stops:
        client.executions.retry(exec_id, block=True)
    assert client.executions.result(exec_id) == ["a", "b", "c", "d"]
    ids = [call.invocation_id for call in client.executions.get(exec_id).checkpoints]
    assert ids == ["step", "step_2", "step_3", "step_4"]


def test_calls_that_a_retry_leaves_out_keep_their_places_before_the_new_ones():
    runs = [["a", "b", "c", "stop"], ["a", "d", "e"]]

    @kitaru.flow
    def steps() -> list[str]:
        return keyed(*runs.pop(0), fail_at="stop")

    exec_id = steps.run().exec_id
    client = kitaru.KitaruClient()
    with pytest.raises(kitaru.KitaruExecutionError):
        kitaru.FlowHandle.from_exec_id(exec_id).wait()
    client.executions.retry(exec_id, block=True)
    calls = client.executions.get(exec_id).checkpoints
    assert [(call.index, call.invocation_id) for call in calls] == [
        *((0, "step"), (1, "step_2"), (2, "step_3"), (3, "step_4"), (4, "step_5"))
    ]
    plan = client.executions.replay(exec_id, from_="step_4", dry_run=True)
    assert (plan.reused, plan.runs) == (["step", "step_2", "step_3"], ["step_4", "step_5"])
