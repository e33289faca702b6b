"""Cleaning takes nothing away from a run that is at work, and keeps what was to be kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

WAITING = textwrap.dedent("""
    import kitaru

    @kitaru.flow
    def ask():
        return kitaru.wait(name="sure", timeout=600)

    handle = ask.run()
    while handle.status != "waiting":
        pass
    print(handle.exec_id, flush=True)
    handle.wait()
""")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The configuration directory, with the store in it."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("KITARU_STORE", str(folder / "kitaru.db"))
    return folder


@pytest.fixture
def at_work(tmp_path, home):
    """The id of an execution that a living process is at work on, and that process."""
    (tmp_path / "ask.py").write_text(WAITING)
    process = subprocess.Popen([sys.executable, "ask.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    with process:
        yield process.stdout.readline().strip(), process
        process.kill()


def test_a_store_in_which_somebody_works_is_not_deleted_not_even_by_force(piped, home, at_work):
    execution, _ = at_work
    shown = piped("clean", "global", "--yes", "--force")
    assert (shown.code, (home / "kitaru.db").exists()) == (1, True)
    assert execution in shown.err
    assert "kitaru executions cancel" in shown.err


def test_a_dry_run_says_what_stands_against_it(piped, at_work):
    execution, _ = at_work
    item = piped("clean", "global", "--dry-run", "-o", "json").item
    assert [execution in warning for warning in item["warnings"]] == [True]
    assert "It would be refused" in piped("clean", "global", "--dry-run").out


def test_what_a_killed_process_left_can_be_deleted(piped, home, at_work):
    _, process = at_work
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert piped("clean", "global", "--yes").code == 0
    assert not (home / "kitaru.db").exists()


def test_runners_are_counted_alive_and_lost(piped, at_work):
    execution, process = at_work
    store = piped("info", "-o", "json").item["store"]
    assert (store["held"], store["lost"]) == ([execution], [])
    process.kill()
    process.wait()
    store = piped("info", "-o", "json").item["store"]
    assert (store["held"], store["lost"]) == ([], [execution])
    assert "0 at work, 1 lost" in piped("info").out


@pytest.mark.parametrize("wanted", ["opt-in", "opt-out"])
def test_the_preference_about_analytics_stays(kitaru, home, wanted):
    kitaru("analytics", wanted)
    before = kitaru("analytics", "status", "-o", "json").item
    assert str(home / "kitaru.yaml") in kitaru("clean", "global", "--yes", "-o", "json").item["deleted_paths"]
    assert kitaru("analytics", "status", "-o", "json").item == before
    assert set(yaml.safe_load((home / "kitaru.yaml").read_text())) == {"version", "analytics"}


def test_a_store_that_cannot_be_read_is_deleted_by_force_and_kept_byte_by_byte(kitaru, home):
    damaged = b"no database" * 500
    (home / "kitaru.db").write_bytes(damaged)
    shown = kitaru("clean", "global", "--yes")
    assert (shown.code, (home / "kitaru.db").exists()) == (1, True)
    assert "--force" in shown.err
    item = kitaru("clean", "global", "--yes", "--force", "-o", "json").item
    assert Path(item["backup_path"]).read_bytes() == damaged
    assert not (home / "kitaru.db").exists()


def test_a_backup_that_cannot_be_written_leaves_everything(kitaru, home, started):
    started("quick", "tea")
    home.with_name("config-backups").write_text("a file where the folder should be")
    shown = kitaru("clean", "global", "--yes")
    assert (shown.code, (home / "kitaru.db").exists()) == (1, True)
    assert "nothing was deleted" in shown.err


def test_a_preview_counts_what_would_be_lost(kitaru, home, started):
    started("quick", "tea")
    kitaru("model", "register", "fast", "--model", "openai/gpt-5")
    preview = kitaru("clean", "global", "--dry-run", "-o", "json").item["preview"]
    notes = {Path(entry["path"]).name: entry.get("note") for entry in preview}
    assert (notes["kitaru.db"], notes["kitaru.yaml"]) == ("1 execution", "1 model alias")
