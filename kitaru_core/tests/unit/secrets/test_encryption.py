from __future__ import annotations

import base64
import sqlite3

import pytest

from kitaru.errors import KitaruBackendError, KitaruRuntimeError, KitaruUsageError
from kitaru.secrets.keys import KeyRing
from kitaru.secrets.registry import create_secret, get_secret, list_secrets, rekey_secrets, update_secret

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()


def _change(home, statement: str) -> None:
    with sqlite3.connect(home / "secrets.db") as database:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "update secrets set version = 2 where name = 'one'",
        "update secrets set id = 'x' where name = 'one'",
        "update secrets set nonce = (select nonce from secrets where name = 'two') where name = 'one'",
        "update secrets set (sealed, nonce) = (select sealed, nonce from secrets where name = 'two') where name='one'",
        "update secrets set sealed = x'00' where name = 'one'",
    ],
)
def test_a_row_that_was_changed_or_swapped_is_refused_without_a_value(statement, home):
    create_secret("one", {"A": "first-value"})
    create_secret("two", {"A": "second-value"})
    _change(home, statement)
    with pytest.raises(KitaruRuntimeError, match="was changed") as caught:
        get_secret("one")
    assert "-value" not in str(caught.value)
    assert {summary.name: summary.has_missing_values for summary in list_secrets()} == {"one": True, "two": False}


def test_a_secret_put_under_another_name_is_refused(home):
    create_secret("weak", {"A": "one"})
    _change(home, "update secrets set name = 'strong'")
    with pytest.raises(KitaruRuntimeError, match="belongs to another secret"):
        get_secret("strong")


def test_an_old_version_put_back_is_refused_once_the_version_moved(home):
    create_secret("one", {"A": "old"})
    _change(home, "create table kept as select * from secrets")
    update_secret("one", {"A": "new"})
    _change(home, "update secrets set sealed = (select sealed from kept), nonce = (select nonce from kept)")
    with pytest.raises(KitaruRuntimeError, match="was changed"):
        get_secret("one")


def test_the_key_may_come_from_the_environment(monkeypatch, home):
    monkeypatch.setenv("KITARU_SECRET_KEY", KEY)
    create_secret("one", {"A": "value"})
    assert not (home / "secret.key").exists()
    assert get_secret("one").get("A") == "value"
    monkeypatch.setenv("KITARU_SECRET_KEY", OTHER)
    with pytest.raises(KitaruRuntimeError, match="another key"):
        get_secret("one")
    monkeypatch.setenv("KITARU_SECRET_KEY", f"{OTHER},{KEY}")
    assert get_secret("one").get("A") == "value"


@pytest.mark.parametrize("text", ["short", "!!!", KEY[:-4], f"{KEY},x"])
def test_a_key_that_is_none_is_refused_and_not_shown(text, monkeypatch):
    monkeypatch.setenv("KITARU_SECRET_KEY", text)
    with pytest.raises(KitaruUsageError, match="32 random bytes") as caught:
        create_secret("one", {"A": "value"})
    assert text not in str(caught.value)


def test_a_key_file_open_to_others_is_refused(home):
    create_secret("one", {"A": "value"})
    (home / "secret.key").chmod(0o640)
    with pytest.raises(KitaruRuntimeError, match="chmod 600"):
        get_secret("one")


def test_a_lost_key_is_an_error_and_the_secret_stays_listed(home):
    create_secret("one", {"A": "value"})
    (home / "secret.key").unlink()
    with pytest.raises(KitaruRuntimeError, match="another key"):
        get_secret("one")
    assert list_secrets()[0].has_missing_values


def test_a_new_key_is_put_to_use_and_the_old_one_forgotten(home):
    create_secret("one", {"A": "first"})
    create_secret("two", {"A": "second"})
    before = (home / "secret.key").read_bytes()
    assert rekey_secrets() == 2
    assert len((home / "secret.key").read_bytes().split()) == 1
    assert (home / "secret.key").read_bytes() != before
    assert [get_secret(name).get("A") for name in ("one", "two")] == ["first", "second"]


def test_a_rekeying_that_stopped_half_way_loses_nothing(home):
    create_secret("one", {"A": "first"})
    KeyRing(home / "secret.key").add()
    assert get_secret("one").get("A") == "first"
    create_secret("two", {"A": "second"})
    assert rekey_secrets() == 2
    assert [get_secret(name).get("A") for name in ("one", "two")] == ["first", "second"]


def test_a_secret_that_cannot_be_read_stops_rekeying_before_anything_changes(home):
    create_secret("one", {"A": "first"})
    create_secret("two", {"A": "second"})
    _change(home, "update secrets set version = 7 where name = 'two'")
    before = (home / "secret.key").read_bytes()
    with pytest.raises(KitaruRuntimeError, match="'two'"):
        rekey_secrets()
    assert (home / "secret.key").read_bytes() == before
    assert get_secret("one").get("A") == "first"


def test_a_key_of_the_environment_cannot_be_changed_here(monkeypatch):
    monkeypatch.setenv("KITARU_SECRET_KEY", KEY)
    create_secret("one", {"A": "first"})
    with pytest.raises(KitaruUsageError, match="KITARU_SECRET_KEY"):
        rekey_secrets()
    assert get_secret("one").get("A") == "first"


def test_a_store_that_is_no_database_is_an_error_that_names_it(home):
    home.mkdir()
    (home / "secrets.db").write_text("not a database, and long enough to be looked at as one" * 20)
    with pytest.raises(KitaruBackendError, match=r"secrets\.db"):
        get_secret("one")
