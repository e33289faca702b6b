from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import kitaru

EXAMPLE = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / "journal.db"))
    monkeypatch.syspath_prepend(str(EXAMPLE))


@pytest.fixture
def scout():
    import scout

    return scout


@pytest.fixture
def site():
    import newsstand

    with newsstand.serve() as running:
        yield running


@pytest.fixture
def executions():
    return kitaru.KitaruClient().executions


def report(executions, exec_id):
    (ref,) = [ref for ref in executions.get(exec_id).artifacts if ref.name == "final_report"]
    return ref.load()


def articles(site):
    return Counter(path for path in site.requests if path.startswith("/articles/"))


def test_it_reads_real_feeds_and_pages_and_promotes_its_briefing(scout, site, executions):
    handle = scout.news_scout.run("ai agents, robotics", site.url)
    text = handle.wait(30)
    assert report(executions, handle.exec_id) == text
    assert "## AI agents that resume where they stopped" in text
    assert "212 teams" in text
    assert "Oslo" not in text
    assert "not part of the text" not in text
    assert set(articles(site).values()) == {1}
    assert len(articles(site)) == 4


def test_only_the_fetch_that_failed_is_made_again(scout, site, executions):
    path = "/articles/open-weights-for-robots.html"
    site.failing[path] = 1
    handle = scout.news_scout.run("ai agents, robotics", site.url)
    with pytest.raises(kitaru.errors.KitaruUserCodeError, match="503"):
        handle.wait(30)
    before = articles(site)
    executions.retry(handle.exec_id, block=True)
    assert handle.status == "completed"
    made_again = articles(site) - before
    assert made_again == {path: 1}
    assert "93 of 100 deliveries" in handle.get()


def test_an_investigation_can_be_corrected_and_only_what_follows_runs_again(scout, site, executions):
    handle = scout.news_scout.run("ai agents, robotics", site.url)
    handle.wait(30)
    source = executions.get(handle.exec_id)
    (wrong,) = [c for c in source.checkpoints if c.invocation_id == "investigate_tool_2"]
    value = next(ref for ref in wrong.artifacts if ref.kind == "output").load()
    before = len(site.requests)
    replay = scout.news_scout.replay(
        handle.exec_id,
        from_="investigate_tool_2",
        overrides={"checkpoint.investigate_tool_2": {**value, "summary": "Corrected by an editor.", "score": 9}},
    )
    corrected = replay.wait(30)
    assert "Corrected by an editor." in corrected
    assert corrected.index("Corrected by an editor.") < corrected.index("212 teams")
    assert len(site.requests) == before
    assert "Corrected" not in report(executions, handle.exec_id)
    statuses = Counter(c.cache_status for c in executions.get(replay.exec_id).checkpoints)
    assert statuses["overridden"] == 1
    assert statuses["executed"] == 2


@pytest.mark.parametrize("point", ["boundary.after_body:4", "boundary.after_commit:6"])
def test_killed_for_real_it_goes_on_in_another_process(executions, point):
    command = [sys.executable, str(EXAMPLE / "scout.py")]
    killed = subprocess.run(
        command, env=dict(os.environ) | {"KITARU_CRASH_AT": point}, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    exec_id = executions.latest().exec_id
    complete = {c.call_id for c in executions.get(exec_id).checkpoints if c.status == "completed"}
    again = [sys.executable, "-m", "kitaru.cli.main", "executions", "retry", exec_id]
    done = subprocess.run(again, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    finished = executions.get(exec_id)
    assert "212 teams" in report(executions, exec_id)
    assert complete <= {c.call_id for c in finished.checkpoints if len(c.attempts) == 1}


def test_the_scout_says_so_when_there_is_nothing_to_tell(scout, site):
    handle = scout.news_scout.run("medieval poetry", site.url)
    assert "Nothing of interest" in handle.wait(30)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_the_web_is_fetched(scout, address):
    del scout
    import reading

    with pytest.raises(ValueError, match="no address of the web"):
        reading.fetch("http://127.0.0.1:1", address)
