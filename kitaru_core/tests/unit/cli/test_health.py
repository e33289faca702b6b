"""`kitaru info` about the store: its size, its version, and what is wrong with it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest


def test_a_store_is_described(kitaru, started, store):
    started("quick", "tea")
    found = kitaru("info", "--check", "-o", "json").item
    assert found["problems"] == []
    facts = found["store"]
    assert (facts["kind"], facts["path"], facts["exists"], facts["executions"]) == ("sqlite", str(store), True, 1)
    assert facts["schema_version"] == facts["known_schema_version"]
    assert facts["size_bytes"] >= store.stat().st_size
    assert facts["free_bytes"] > 0
    assert found["plugins"]


def test_looking_makes_no_store(kitaru, store):
    found = kitaru("info", "--check", "-o", "json").item
    assert (found["store"]["exists"], found["problems"], store.exists()) == (False, [], False)
    assert "the first execution makes it" in kitaru("info").out


def change(store, statement):
    with closing(sqlite3.connect(store)) as database, database:
        database.execute(statement)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda store: store.chmod(0o644), "can be read by others"),
        (lambda store: change(store, "PRAGMA user_version = 99"), "newer kitaru"),
        (lambda store: change(store, "PRAGMA application_id = 7"), "another program"),
        (lambda store: store.write_bytes(b"no database" * 500), "cannot be read"),
    ],
)
def test_what_is_wrong_is_named_and_fails_the_check_only(piped, script, store, spoil, told, shop):
    script(f"import sys; sys.path.insert(0, {str(Path(shop.__file__).parent)!r}); import shop; shop.quick.run('tea')")
    spoil(store)
    assert piped("info").code == 0
    shown = piped("info", "--check")
    assert shown.code == 1
    assert told in " ".join(shown.out.split())


def test_a_file_gets_all_of_it_and_the_exit_code_stays(kitaru, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "kitaru.yaml").write_text("{broken")
    shown = kitaru("info", "--check", "--file", tmp_path / "info.json", "-o", "json")
    assert shown.code == 1
    assert '"problems"' in (tmp_path / "info.json").read_text()


@pytest.mark.parametrize("place", ["folder", "file/kitaru.db"])
def test_a_place_where_no_store_can_be_is_a_problem(kitaru, tmp_path, monkeypatch, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("KITARU_STORE", str(tmp_path / place))
    shown = kitaru("info", "--check", "-o", "json")
    assert shown.code == 1
    assert "stands where the store should be" in shown.out
