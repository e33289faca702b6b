from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.loops import own_event_loop, refuse_running_loop


def test_a_thread_has_one_loop_for_all_its_calls_and_takes_it_along_when_it_ends():
    loops = []

    def work():
        for _ in range(2):
            own_event_loop()
            loops.append(asyncio.get_event_loop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    gc.collect()
    assert loops[0] is loops[1]
    assert loops[0].is_closed()


def test_a_blocking_call_is_refused_where_a_loop_runs_and_allowed_elsewhere():
    async def on_a_loop():
        refuse_running_loop("run_sync", "runner.run(request)")

    refuse_running_loop("run_sync", "runner.run(request)")
    with pytest.raises(KitaruUsageError, match=r"run_sync would block .* use `await runner\.run\(request\)` instead"):
        asyncio.run(on_a_loop())
