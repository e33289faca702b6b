"""A program may end right after it has started a run; the run does not notice."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = '''
import asyncio, threading, time
import kitaru

def over():
    """Wait until the main thread has come to its end."""
    threading.main_thread().join(0.2)

@kitaru.checkpoint
def pooled() -> str:
    over()
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(str, 7).result()

@kitaru.checkpoint
def imported() -> str:
    over()
    import concurrent.futures.process  # as SDKs do; it cannot be imported for the first time any more
    return "7"

@kitaru.checkpoint
async def on_a_loop() -> str:
    over()
    return await asyncio.to_thread(str, 7)

@kitaru.flow
def late(which: str) -> str:
    if which == "asked":
        return str(kitaru.wait(name="number", schema=int, timeout=600))
    return {"pooled": pooled, "imported": imported, "on_a_loop": on_a_loop}[which]()

if __name__ == "__main__":
    import sys
    late.run(sys.argv[1])
'''


@pytest.mark.parametrize("which", ["pooled", "imported", "on_a_loop"])
def test_a_run_may_use_pools_after_the_program_has_come_to_its_end(which, tmp_path, client):
    program = tmp_path / "late.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, program, which], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    execution = client.executions.latest(flow="late")
    assert client.executions.result(execution.exec_id) == "7"


def test_a_worker_stays_for_the_run_that_it_goes_on_with(tmp_path, client, monkeypatch):
    program = tmp_path / "late.py"
    program.write_text(PROGRAM)
    monkeypatch.setenv("KITARU_CRASH_AT", "flow.created:1")
    killed = subprocess.run([sys.executable, program, "pooled"], capture_output=True, check=False)
    monkeypatch.delenv("KITARU_CRASH_AT")
    execution = client.executions.latest(flow="late")
    command = [sys.executable, "-m", "kitaru.cli.main", "executions", "retry", execution.exec_id]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (killed.returncode, done.returncode) == (-9, 0), done.stdout + done.stderr
    assert client.executions.result(execution.exec_id) == "7"


def test_a_run_that_only_waits_for_a_person_does_not_hold_the_program(tmp_path, client):
    program = tmp_path / "late.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, program, "asked"], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert client.executions.latest(flow="late").status == "waiting"
