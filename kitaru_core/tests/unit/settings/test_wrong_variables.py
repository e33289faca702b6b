"""A variable with a value that cannot be is refused by its name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = "import kitaru\n@kitaru.flow\ndef f():\n    return 1\nf.run().wait()\n"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("KITARU_LEASE_TTL", "long", "KITARU_LEASE_TTL must be a number of seconds above 0"),
        ("KITARU_LEASE_TTL", "-1", "KITARU_LEASE_TTL must be a number of seconds above 0"),
        ("KITARU_LEASE_HEARTBEAT", "nan", "KITARU_LEASE_HEARTBEAT must be a number of seconds above 0"),
        ("KITARU_LEASE_HEARTBEAT", "30", "KITARU_LEASE_HEARTBEAT must be below KITARU_LEASE_TTL"),
        ("KITARU_CRASH_AT", "boundary.nowhere", "There is no crash point 'boundary.nowhere'; there are: flow.created"),
        ("KITARU_CRASH_AT", "flow.created:x", "such as flow.created:2"),
    ],
)
def test_it_is_named_and_what_it_takes_is_told(variable, value, told, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    env = {**os.environ, variable: value}
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("kitaru.errors.KitaruUsageError: ")
    assert told in last
