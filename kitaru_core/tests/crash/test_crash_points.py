"""A fresh interpreter is killed at each named point and another one takes over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kitaru import crash_points

pytestmark = pytest.mark.timeout(300)  # many processes, on a machine that may be busy
SCRIPT = Path(__file__).with_name("crash_program.py")


@pytest.fixture
def live(tmp_path):
    """Run the program once, to its end or to its death."""

    def run(**environment: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "KITARU_STORE": str(tmp_path / "kitaru.db"), "KITARU_CONFIG_PATH": str(tmp_path)}
        env |= {"CRASH_LOG": str(tmp_path / "log"), **environment}
        return subprocess.run([sys.executable, str(SCRIPT)], env=env, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("point", crash_points.POINTS)
def test_a_process_killed_at_this_point_is_continued_by_the_next_one(live, tmp_path, point):
    killed = live(KITARU_CRASH_AT=point)
    assert killed.returncode == -9, killed.stderr
    finished = live()
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "[{'first': 1}, {'second': 2}, 7, {'third': 3}]"
    bodies = sorted((tmp_path / "log").read_text().split())
    assert set(bodies) == {"first", "second", "third"}
    assert len(bodies) <= 4, "only the body that was in flight may run twice"
