from __future__ import annotations

import threading

from kitaru.engine.loader import load_function


def test_threads_that_need_one_script_at_once_all_see_the_whole_of_it(tmp_path):
    script = tmp_path / "slow_script.py"
    script.write_text("import threading\nthreading.Event().wait(0.05)\ndef late():\n    return 1\n")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(load_function("__main__", "late", str(script)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
