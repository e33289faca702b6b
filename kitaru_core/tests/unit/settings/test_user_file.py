from __future__ import annotations

import stat
import threading

import pytest

from kitaru.errors import KitaruUsageError
from kitaru.settings.analytics import analytics_status, set_analytics_preference
from kitaru.settings.connection import (
    ResolvedConnectionConfig,
    forget_connection,
    remember_connection,
    resolve_connection_config,
)
from kitaru.settings.log_store import reset_global_log_store, resolve_log_store, set_global_log_store
from kitaru.settings.private_files import write_private_once
from kitaru.settings.runtime import configure
from kitaru.settings.user_file import read_user_file, section, update_user_file


def _write(home, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "kitaru.yaml").write_text(text)


def test_reading_creates_nothing(home):
    assert read_user_file() == {}
    assert not home.exists()


def test_what_is_written_is_read_back_and_private(home):
    with update_user_file() as content:
        content["active_stack"] = "gpu"
    assert read_user_file() == {"version": 1, "active_stack": "gpu"}
    assert stat.S_IMODE((home / "kitaru.yaml").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_unknown_sections_survive_a_change(home):
    _write(home, "version: 1\nfuture: {a: [1, 2]}\n")
    with update_user_file() as content:
        content["active_stack"] = "gpu"
    assert read_user_file()["future"] == {"a": [1, 2]}


def test_a_block_that_raises_changes_nothing(home):
    _write(home, "active_stack: one\n")
    with pytest.raises(ZeroDivisionError), update_user_file() as content:
        content["active_stack"] = 1 // 0
    assert (home / "kitaru.yaml").read_text() == "active_stack: one\n"


@pytest.mark.parametrize("text", ["a: [", "- list", "3: x", "\x00", "x: !!python/object/apply:os.getcwd []"])
def test_a_malformed_file_is_refused_and_named(home, text):
    _write(home, text)
    with pytest.raises(KitaruUsageError, match=r"kitaru\.yaml cannot be read"):
        read_user_file()


def test_a_writer_puts_a_malformed_file_aside(home):
    _write(home, "a: [")
    with update_user_file() as content:
        content["active_stack"] = "gpu"
    assert section("missing") == {}
    assert read_user_file()["active_stack"] == "gpu"
    assert (home / "kitaru.yaml.broken").read_text() == "a: ["


def test_a_file_of_a_newer_release_is_neither_read_nor_overwritten(home):
    _write(home, "version: 2\nnew: thing\n")
    with pytest.raises(KitaruUsageError, match="version 2"):
        read_user_file()
    with pytest.raises(KitaruUsageError, match="version 2"), update_user_file():
        pass
    assert (home / "kitaru.yaml").read_text() == "version: 2\nnew: thing\n"


def test_callers_cannot_change_what_others_read(home):
    _write(home, "log_store: {backend: x}\n")
    section("log_store")["backend"] = "changed"
    assert section("log_store") == {"backend": "x"}


def test_concurrent_writers_lose_nothing():
    def add(number: int) -> None:
        with update_user_file() as content:
            content[f"key{number}"] = number

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"key{number}" for number in range(12)} <= read_user_file().keys()


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(home):
    home.write_text("a file where the folder should be")
    assert read_user_file() == {}
    with pytest.raises(KitaruUsageError, match="KITARU_CONFIG_PATH"), update_user_file():
        pass


def test_a_private_file_is_written_once(tmp_path):
    assert write_private_once(tmp_path / "key", b"one")
    assert not write_private_once(tmp_path / "key", b"two")
    assert (tmp_path / "key").read_bytes() == b"one"
    assert {path.name for path in tmp_path.iterdir()} == {"key", "work"}


def test_log_store_is_remembered_and_reset():
    assert resolve_log_store().source == "default"
    found = set_global_log_store("Datadog", endpoint="https://logs.example.com/", api_key="hunter22")
    assert (found.backend, found.endpoint, found.source) == (
        "datadog",
        "https://logs.example.com",
        "global user config",
    )
    assert "hunter22" not in repr(found)
    assert reset_global_log_store().backend == "artifact-store"


def test_log_store_of_the_environment_wins(monkeypatch):
    set_global_log_store("datadog", endpoint="https://logs.example.com")
    monkeypatch.setenv("KITARU_LOG_STORE_BACKEND", "otlp")
    monkeypatch.setenv("KITARU_LOG_STORE_ENDPOINT", "http://127.0.0.1:4318")
    assert (resolve_log_store().backend, resolve_log_store().source) == ("otlp", "environment")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ENDPOINT": "http://x"}, "BACKEND"),
        ({"BACKEND": "otlp"}, "ENDPOINT"),
        ({"BACKEND": "artifact-store", "ENDPOINT": "http://x"}, "unset"),
        ({"BACKEND": "o tlp", "ENDPOINT": "http://x"}, "BACKEND"),
        ({"BACKEND": "otlp", "ENDPOINT": "x"}, "ENDPOINT"),
    ],
)
def test_an_incomplete_log_store_is_refused(variables, named, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(f"KITARU_LOG_STORE_{name}", value)
    with pytest.raises(KitaruUsageError, match=named):
        resolve_log_store()


@pytest.mark.parametrize(
    "given", [("artifact-store", "http://x", None), ("", "http://x", None), ("a", "b", None), ("a", "http://x", " ")]
)
def test_a_log_store_that_cannot_be_is_refused_and_nothing_written(given, home):
    backend, endpoint, key = given
    with pytest.raises(KitaruUsageError):
        set_global_log_store(backend, endpoint=endpoint, api_key=key)
    assert not home.exists()


def test_connection_comes_from_the_environment_then_from_the_login(monkeypatch):
    assert resolve_connection_config() == ResolvedConnectionConfig()
    remember_connection("https://a.example.com", auth_token="hunter22", project="p")
    found = resolve_connection_config()
    assert (found.server_url, found.auth_token, found.project, found.source) == (
        "https://a.example.com",
        "hunter22",
        "p",
        "login",
    )
    assert "hunter22" not in repr(found)
    monkeypatch.setenv("KITARU_SERVER_URL", "https://b.example.com")
    monkeypatch.setenv("KITARU_AUTH_TOKEN", "other")
    configure(project="q")
    assert resolve_connection_config().server_url == "https://b.example.com"
    assert resolve_connection_config().project == "q"
    assert resolve_connection_config(project="r").project == "r"


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SERVER_URL": "https://a"}, "AUTH_TOKEN"),
        ({"AUTH_TOKEN": "x"}, "SERVER_URL"),
        ({"SERVER_URL": "https://a", "AUTH_TOKEN": "x"}, "KITARU_PROJECT"),
    ],
)
def test_an_incomplete_connection_is_refused(variables, named, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(f"KITARU_{name}", value)
    with pytest.raises(KitaruUsageError, match=named):
        resolve_connection_config()


def test_a_connection_is_forgotten():
    remember_connection("https://a.example.com")
    assert forget_connection()
    assert not forget_connection()
    assert resolve_connection_config().server_url is None


def test_analytics_keep_the_preference_and_collect_nothing(monkeypatch):
    assert analytics_status().preference is None
    assert set_analytics_preference(opt_in="on").preference is True
    monkeypatch.setenv("KITARU_ANALYTICS_OPT_IN", "false")
    found = analytics_status()
    assert (found.preference, found.source, found.collecting) == (False, "environment", False)


def test_a_token_without_quotes_is_refused_and_not_shown(home):
    _write(home, "connection: {server_url: https://kitaru.example.com, auth_token: 8315550123}")
    with pytest.raises(KitaruUsageError, match=r"auth_token.* must be a text, not a int") as caught:
        resolve_connection_config()
    assert "8315550123" not in str(caught.value)
