from __future__ import annotations

import io
import json

import pytest

from kitaru.cli.app import run
from kitaru.cli.command_table import GROUPS, add_commands
from kitaru.secrets.registry import create_secret, get_secret


@pytest.fixture
def kitaru(capsys):
    """Run a command, and return its exit code, what it printed and what it complained about."""

    def call(*arguments):
        code = run(list(arguments))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def item(kitaru):
    """Run a command for a program and return the item, or the items, of its document."""

    def call(*arguments):
        code, out, err = kitaru(*arguments, "-o", "json")
        assert (code, out.count("\n")) == (0, 1), err
        document = json.loads(out)
        assert document["command"] == ".".join(arguments[:2])
        return document["items"] if "items" in document else document["item"]

    return call


def test_every_command_can_be_loaded():
    groups = {}

    class Listed:
        def command(self, target, *, name):
            groups[name] = target

    add_commands(Listed())
    loaded = {name: [word for word in groups[name] if not word.startswith("-")] for name in GROUPS}
    assert loaded["secrets"] == ["set", "show", "list", "delete", "rekey"]
    assert all(callable(groups[name][word].default_command) for name, words in loaded.items() for word in words)


def test_a_stack_is_created_used_listed_and_deleted(item):
    created = item("stack", "create", "gpu")
    assert (created["name"], created["previous_active_stack"], created["stack_type"]) == ("gpu", "default", "local")
    assert item("stack", "current")["name"] == "gpu"
    assert [(one["name"], one["is_active"]) for one in item("stack", "list")] == [("default", False), ("gpu", True)]
    assert item("stack", "use", "default")["is_active"]
    assert item("stack", "delete", "gpu") == {
        "deleted_stack": "gpu",
        "components_deleted": [],
        "new_active_stack": None,
        "recursive": False,
    }


def test_the_active_stack_is_deleted_by_force_and_the_new_one_named(kitaru, item):
    item("stack", "create", "gpu")
    assert kitaru("stack", "delete", "gpu")[0] == 1
    assert item("stack", "delete", "gpu", "--force")["new_active_stack"] == "default"


def test_lists_have_pages(kitaru, item):
    for n in range(3):
        item("stack", "create", f"s{n}", "--no-activate")
    assert [one["name"] for one in item("stack", "list", "--page", "2", "--size", "2")] == ["s1", "s2"]
    assert "Page 2 (size 2, showing 2 of 4)" in kitaru("stack", "list", "--page", "2", "--size", "2")[1]
    assert "no items on page 9" in kitaru("stack", "list", "--page", "9")[1]
    code, out, err = kitaru("stack", "list", "--page", "0")
    assert (code, out) == (1, "")
    assert "--page" in err


def test_a_secret_is_created_then_changed_and_never_shown_unasked(kitaru, item):
    created = item("secrets", "set", "prod", "--API_KEY=first", "--OTHER", "second")
    assert (created["result"], created["keys"], created["visibility"]) == ("created", ["API_KEY", "OTHER"], "public")
    assert item("secrets", "set", "prod", "--API_KEY=third", "--unset", "OTHER")["result"] == "updated"
    assert dict(get_secret("prod").values) == {"API_KEY": "third"}
    assert item("secrets", "show", "prod")["values"] is None
    assert item("secrets", "show", "prod", "--show-values")["values"] == {"API_KEY": "third"}
    assert "third" not in kitaru("secrets", "list")[1]
    assert item("secrets", "delete", "prod")["result"] == "deleted"


def test_values_need_not_stand_on_the_command_line(item, monkeypatch, tmp_path):
    monkeypatch.setenv("FROM_HERE", "of-the-environment")
    monkeypatch.setattr("sys.stdin", io.StringIO("of-the-input\n"))
    (tmp_path / "value").write_text("of-the-file\n")
    item(
        *("secrets", "set", "prod", "--from-env", "FROM_HERE", "--stdin", "FROM_INPUT"),
        *("--from-file", f"FROM_FILE={tmp_path / 'value'}"),
    )
    assert dict(get_secret("prod").values) == {
        "FROM_HERE": "of-the-environment",
        "FROM_FILE": "of-the-file",
        "FROM_INPUT": "of-the-input",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["API_KEY=the-value"],
        ["--API_KEY"],
        ["--API_KEY", "--OTHER=x"],
        ["--=the-value"],
        ["--API_KEY="],
        ["--API KEY=the-value"],
        ["--API_KEY=the-value", "--API_KEY=the-value"],
        ["--from-env", "NOT_SET_ANYWHERE"],
        ["--from-file", "API_KEY"],
        ["--from-file", "API_KEY=/no/such/file"],
    ],
)
def test_what_is_no_assignment_is_refused_and_no_value_shown(arguments, kitaru, item):
    code, out, err = kitaru("secrets", "set", "prod", *arguments)
    assert (code, out) == (1, "")
    assert "the-value" not in err
    assert item("secrets", "list") == []


def test_private_stands_anywhere_and_counts_at_creation_only(kitaru, item):
    assert item("secrets", "set", "--private", "one", "--A=b")["visibility"] == "private"
    assert item("secrets", "set", "two", "--A=b")["visibility"] == "public"
    code, _, err = kitaru("secrets", "set", "two", "--A=c", "--private")
    assert code == 0
    assert "stays public, as it was" in err


def test_visibility_says_the_same_in_one_word(kitaru, item):
    assert item("secrets", "set", "one", "--A=b", "--visibility", "private")["visibility"] == "private"
    assert item("secrets", "set", "two", "--A=b", "--visibility", "public")["visibility"] == "public"
    assert "stays private, as it was" in kitaru("secrets", "set", "one", "--A=c", "--visibility", "public")[2]
    assert kitaru("secrets", "set", "one", "--A=c", "--visibility", "private")[2] == ""
    code, _, err = kitaru("secrets", "set", "three", "--A=b", "--private", "--visibility", "public")
    assert (code, "contradict each other" in err) == (1, True)
    assert {one["name"] for one in item("secrets", "list")} == {"one", "two"}


def test_secrets_get_a_new_key_and_unreadable_ones_say_so(item, tmp_path):
    create_secret("prod", {"A": "value"})
    assert item("secrets", "rekey") == {"secrets": 1}
    assert item("secrets", "show", "prod", "--show-values")["values"] == {"A": "value"}
    (tmp_path / "config" / "secret.key").unlink()
    shown = item("secrets", "show", "prod", "--show-values")
    assert (shown["values"], shown["has_missing_values"]) == ({"A": "unavailable"}, True)


def test_a_missing_secret_is_an_error_for_people_and_for_programs(kitaru):
    for command in ("show", "delete"):
        code, out, err = kitaru("secrets", command, "gone", "-o", "json")
        assert (code, out) == (1, "")
        assert json.loads(err)["error"]["type"] == "KitaruNotFoundError"


def test_model_aliases_are_registered_listed_and_forgotten(kitaru, item):
    create_secret("prod", {"A": "value"})
    assert item("model", "register", "fast", "--model", "openai/gpt-5", "--secret", "prod") == {
        "alias": "fast",
        "model": "openai/gpt-5",
        "secret": "prod",
        "is_default": True,
    }
    item("model", "register", "big", "--model", "anthropic/large")
    assert item("model", "default", "big")["is_default"]
    assert "fast: openai/gpt-5 (secret=prod)" in kitaru("model", "list")[1]
    item("model", "unregister", "big")
    assert [entry["alias"] for entry in item("model", "list")] == ["fast"]


def test_the_log_store_is_set_shown_and_reset_without_its_key(kitaru, item):
    shown = item("log-store", "set", "otlp", "--endpoint", "http://127.0.0.1:1/", "--api-key", "hunter22")
    assert (shown["backend"], shown["endpoint"], shown["api_key_configured"]) == ("otlp", "http://127.0.0.1:1", True)
    assert "hunter22" not in str(kitaru("log-store", "show"))
    assert "otlp" in shown["warning"]
    assert item("log-store", "reset")["backend"] == "artifact-store"


def test_analytics_are_off_whatever_was_said(kitaru, item):
    for word in ("opt-in", "opt-out"):
        assert item("analytics", word)["collecting"] is False
    assert "nothing is collected" in kitaru("analytics", "status")[1]


def test_a_log_store_that_nothing_serves_is_told_by_status_and_info(kitaru, item):
    assert "Log store" not in kitaru("status")[1]
    item("log-store", "set", "otlp", "--endpoint", "http://127.0.0.1:1")
    assert "Log store:" in kitaru("status")[1]
    shown = status(kitaru)
    assert (shown["log_store_status"], "otlp" in shown["log_store_warning"]) == ("otlp", True)
    assert kitaru("info", "--check")[0] == 1


def test_a_created_stack_has_the_promised_keys(item):
    assert set(item("stack", "create", "gpu")) == {
        "id",
        "name",
        "is_active",
        "is_managed",
        "previous_active_stack",
        "components_created",
        "stack_type",
    }


def test_a_stack_shows_its_parts_and_no_secret_of_them(kitaru, item, tmp_path):
    created = item("stack", "create", "gpu")
    shown = item("stack", "show", "gpu")
    assert shown["components"] == created["components_created"]
    assert [part["role"] for part in shown["components"]] == ["runner", "storage", "sandbox"]
    assert [one["is_managed"] for one in item("stack", "list")] == [False, True]
    settings = tmp_path / "config" / "kitaru.yaml"
    settings.write_text(settings.read_text().replace("runner:", "runner:\n      api_token: hunter22", 1))
    code, out, _ = kitaru("stack", "show", "gpu")
    assert (code, "api_token: ***" in out, "hunter22" in out) == (0, True, False)


def test_status_names_the_stack_of_the_environment(kitaru, item, monkeypatch):
    created = item("stack", "create", "gpu", "--no-activate")
    monkeypatch.setenv("KITARU_STACK", created["id"])
    assert status(kitaru)["active_stack"] == "gpu"
    monkeypatch.setenv("KITARU_STACK", "gone")
    assert (status(kitaru)["active_stack"], "'gone'" in status(kitaru)["warning"]) == (None, True)


def status(kitaru):
    code, out, _ = kitaru("status", "-o", "json")
    assert code == 0
    return json.loads(out)["item"]
