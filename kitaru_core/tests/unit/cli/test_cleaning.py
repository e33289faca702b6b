"""Cleaning deletes what kitaru wrote, after a backup, and nothing else."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pexpect
import pytest

from kitaru import KitaruClient
from kitaru.journal.registry import close_all


@pytest.fixture
def home(tmp_path, monkeypatch, started):
    """A configuration directory with a store, a setting and a file of somebody else."""
    folder = tmp_path / "config"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("KITARU_STORE", str(folder / "kitaru.db"))
    started("quick", "tea")
    (folder / "kitaru.yaml").write_text("version: 1\n")
    (folder / "mine.txt").write_text("not yours")
    return folder


def test_a_project_is_made_and_cleaned(kitaru, tmp_path, monkeypatch):
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    assert kitaru("init", project, "-o", "json").item == {"path": str(project), "repository_directory": ".kitaru"}
    assert kitaru("init", project).code == 1
    monkeypatch.chdir(project / "src")
    assert kitaru("clean", "project", "--yes", "-o", "json").item["deleted_paths"] == [str(project / ".kitaru")]
    assert kitaru("clean", "project", "--yes").code == 1


def test_a_dry_run_changes_nothing(kitaru, home):
    before = sorted(home.rglob("*"))
    item = kitaru("clean", "global", "--dry-run", "-o", "json").item
    assert {Path(entry["path"]).name for entry in item["preview"]} >= {"kitaru.db", "kitaru.yaml"}
    assert sorted(home.rglob("*")) == before
    assert not Path(item["backup_path"]).exists()


def test_without_a_terminal_it_must_be_told_yes(kitaru, home):
    shown = kitaru("clean", "global", "-o", "json")
    assert (shown.code, shown.out) == (1, "")
    assert "--yes" in json.loads(shown.err)["error"]["message"]
    assert (home / "kitaru.yaml").exists()


def test_a_store_comes_back_from_its_backup_and_foreign_files_stay(kitaru, home, tmp_path):
    item = kitaru("clean", "all", "--yes", "-o", "json").item
    assert sorted(path.name for path in home.iterdir()) == ["mine.txt"]
    backup = Path(item["backup_path"])
    assert backup.stat().st_mode & 0o077 == 0
    shutil.copy(backup, tmp_path / "restored.db")
    (execution,) = KitaruClient(store=str(tmp_path / "restored.db")).executions.list()
    assert execution.status == "completed"


def test_aliases_are_lost_by_force_only(kitaru, home):
    kitaru("model", "register", "fast", "--model", "openai/gpt-5")
    shown = kitaru("clean", "global", "--yes")
    assert (shown.code, (home / "kitaru.yaml").exists()) == (1, True)
    assert "--force" in shown.err
    assert kitaru("clean", "global", "--yes", "--force").code == 0


def test_a_project_around_the_working_folder_is_not_deleted(kitaru, tmp_path, monkeypatch):
    inside = tmp_path / ".kitaru" / "inside"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    shown = kitaru("clean", "project", "--yes")
    assert (shown.code, inside.exists()) == (1, True)
    assert "not deleted" in shown.err


def test_info_is_written_to_files_and_names_no_secret(kitaru, tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_SECRET_KEY", "hunter2hunter2")
    for name, kind in (("deep/info.yaml", "yaml"), ("info.txt", "json")):
        item = kitaru("info", "--all", "--file", tmp_path / name, "-o", "json").item
        assert item == {"file": str(tmp_path / name), "format": kind}
        assert "hunter2" not in (tmp_path / name).read_text()
    assert json.loads((tmp_path / "info.txt").read_text())["packages"]["cyclopts"]


def test_status_does_not_fail_because_of_a_broken_setting(kitaru, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "kitaru.yaml").write_text("{broken")
    assert "kitaru.yaml" in kitaru("status", "-o", "json").item["warning"]


def test_everything_comes_back_from_a_full_backup(kitaru, home):
    kitaru("secrets", "set", "key", "--TOKEN=hunter2")
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.suffix in {".yaml", ".key"}}
    item = kitaru("clean", "global", "--yes", "--backup", "all", "-o", "json").item
    kept = Path(item["backup_path"])
    assert sorted(path.name for path in home.iterdir()) == ["mine.txt"]
    assert not [path for path in [kept, *kept.rglob("*")] if path.stat().st_mode & 0o077]
    close_all()
    shutil.copytree(kept / "settings", home, dirs_exist_ok=True)
    assert {name: (home / name).read_bytes() for name in before} == before
    assert "hunter2" in kitaru("secrets", "show", "key", "--show-values").out
    assert KitaruClient().executions.latest().status == "completed"


def test_the_command_that_is_printed_restores_the_store(piped, home):
    shown = piped("clean", "global", "--yes", COLUMNS="400")
    (command,) = [line.strip() for line in shown.out.splitlines() if line.strip().startswith("cp ")]
    subprocess.run(shlex.split(command), check=True)
    assert '"count":1' in piped("executions", "list", "-o", "json").out


def test_cached_results_are_deleted_too(kitaru, home):
    (home / "results" / "diskcache").mkdir(parents=True)
    deleted = kitaru("clean", "global", "--yes", "-o", "json").item["deleted_paths"]
    assert str(home / "results") in deleted


@pytest.mark.parametrize(("answer", "again"), [("y", True), ("n", False)])
def test_a_person_is_asked_whether_to_begin_anew(terminal, tmp_path, monkeypatch, answer, again):
    (tmp_path / ".kitaru").mkdir()
    (tmp_path / ".kitaru" / "old").touch()
    monkeypatch.chdir(tmp_path)
    child = terminal("clean", "project")
    child.expect("Delete all of this")
    child.sendline("y")
    child.expect("as a project again")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert ((tmp_path / ".kitaru").is_dir(), (tmp_path / ".kitaru" / "old").exists()) == (again, False)


def test_large_values_are_backed_up_beside_the_store_and_deleted_with_it(kitaru, home):
    (home / "kitaru.db.artifacts" / "ab").mkdir(parents=True)
    (home / "kitaru.db.artifacts" / "ab" / "cd").write_bytes(b"large")
    item = kitaru("clean", "global", "--yes", "-o", "json").item
    backup = Path(item["backup_path"])
    assert (backup.with_name(f"{backup.name}.artifacts") / "ab" / "cd").read_bytes() == b"large"
    assert not (home / "kitaru.db.artifacts").exists()
