from __future__ import annotations

import asyncio
import gc
import threading

from kitaru_adapters.kit.loops import own_event_loop


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
