"""Runs the example in real processes that can be killed, without paying for the imports in each of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kitaru

EXAMPLE = Path(__file__).resolve().parents[1]
DOCUMENTS = EXAMPLE.parents[1] / "kitaru_core" / "kitaru" / "journal"
QUESTION = "How does a journal commit records?"

ZYGOTE = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import research
for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.environ.update(job["environment"])
        sys.stdout = sys.stderr = open(os.devnull, "w")
        code = 99
        try:
            code = research.main(job["arguments"])
        finally:
            os._exit(code)
    print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])), flush=True)
"""


class Zygote:
    """A process that has imported the example and forks one child for each run of it."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE, str(EXAMPLE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, arguments, environment):
        self.process.stdin.write(json.dumps({"arguments": arguments, "environment": environment}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Example:
    """One journal, one work log, and the processes that use them."""

    def __init__(self, zygote, folder):
        self.zygote = zygote
        self.log = folder / "work.jsonl"
        self.environment = {
            "KITARU_CONFIG_PATH": str(folder),
            "KITARU_STORE": str(folder / "journal.db"),
            "KITARU_WAIT_TIMEOUT": "0",
            "KITARU_EXAMPLE_WORK_LOG": str(self.log),
        }

    def start(self, *arguments):
        return self.zygote.run([QUESTION, "--folder", str(DOCUMENTS), *arguments], self.environment)

    def go_on(self, exec_id):
        return self.zygote.run(["--continue", exec_id], self.environment)

    @property
    def executions(self):
        return kitaru.KitaruClient().executions

    def latest(self):
        return self.executions.get(self.executions.latest().exec_id)

    def complete(self, exec_id):
        return {c.invocation_id for c in self.executions.get(exec_id).checkpoints if c.status == "completed"}

    def work(self):
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line)["boundary"] for line in lines]

    def approve(self, exec_id):
        (wait,) = self.executions.pending_waits(exec_id)
        self.executions.input(exec_id, wait=wait.name, value=True)

    def brief(self, exec_id):
        (ref,) = [ref for ref in self.executions.get(exec_id).artifacts if ref.name == "brief"]
        return ref.load()


@pytest.fixture(scope="session")
def zygote():
    running = Zygote()
    yield running
    running.close()


@pytest.fixture
def example(zygote, tmp_path, monkeypatch):
    made = Example(zygote, tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture(scope="session")
def undisturbed(zygote, tmp_path_factory):
    """The brief of a run that nothing happened to, and the boundaries it passed."""
    made = Example(zygote, tmp_path_factory.mktemp("undisturbed"))
    before = dict(os.environ)
    os.environ.update(made.environment)
    try:
        assert made.start() == 3
        exec_id = made.latest().exec_id
        made.approve(exec_id)
        assert made.go_on(exec_id) == 0
        return made.brief(exec_id), made.work()
    finally:
        os.environ.clear()
        os.environ.update(before)
