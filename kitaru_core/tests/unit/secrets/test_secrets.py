from __future__ import annotations

import copy
import pickle
import stat
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from kitaru.artifacts.codecs import encode
from kitaru.artifacts.redaction import redact
from kitaru.errors import (
    KitaruEncodingError,
    KitaruFeatureNotAvailableError,
    KitaruNotFoundError,
    KitaruRuntimeError,
    KitaruUsageError,
)
from kitaru.hooks import PluginCard, SecretStoreDriver, get_manager, hookimpl
from kitaru.secrets.local import LocalSecretStore
from kitaru.secrets.registry import (
    create_secret,
    delete_secret,
    get_secret,
    list_secrets,
    secret_environment,
    update_secret,
)

VALUE = "correct-horse-battery"


def test_a_secret_is_created_and_read_back_by_name_and_by_id():
    summary = create_secret("prod", {"API_KEY": VALUE, "PORT": 5432})
    assert (summary.keys, summary.private, summary.has_missing_values) == (("API_KEY", "PORT"), False, False)
    for name_or_id in ("prod", summary.id):
        found = get_secret(name_or_id)
        assert (found.name, found.id, dict(found.values)) == ("prod", summary.id, {"API_KEY": VALUE, "PORT": "5432"})
    assert found.get("API_KEY") == VALUE
    assert found.get("OTHER") is None
    assert found.get("OTHER", "x") == "x"


def test_another_process_reads_it(home):
    create_secret("prod", {"API_KEY": VALUE})
    program = "from kitaru.secrets.registry import get_secret; print(get_secret('prod').get('API_KEY'))"
    env = {"KITARU_CONFIG_PATH": str(home)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == VALUE


def test_nothing_on_disk_holds_a_value_and_all_of_it_is_private(home):
    create_secret("prod", {"API_KEY": VALUE})
    files = list(home.iterdir())
    assert {file.name for file in files} == {"secrets.db", "secret.key"}
    assert not any(VALUE.encode() in file.read_bytes() for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_secret_does_not_show_its_values():
    create_secret("prod", {"API_KEY": VALUE})
    found = get_secret("prod")
    assert "API_KEY" in repr(found)
    assert VALUE not in f"{found!r} {found} {list_secrets()}"


@pytest.mark.parametrize("way_out", [pickle.dumps, copy.deepcopy, copy.copy])
def test_a_secret_cannot_be_pickled_or_copied(way_out):
    create_secret("prod", {"API_KEY": VALUE})
    with pytest.raises(TypeError, match="hand on its name"):
        way_out(get_secret("prod"))


def test_a_secret_cannot_be_stored_in_a_record():
    create_secret("prod", {"API_KEY": VALUE})
    with pytest.raises(KitaruEncodingError):
        encode(get_secret("prod"))


def test_a_secret_cannot_be_changed():
    create_secret("prod", {"API_KEY": VALUE})
    found = get_secret("prod")
    with pytest.raises(AttributeError, match="cannot be changed"):
        found.name = "other"
    with pytest.raises(TypeError):
        found.values["API_KEY"] = "x"


def test_a_value_that_was_read_is_cut_out_of_texts():
    create_secret("prod", {"NOTE": "just some words"})
    get_secret("prod")
    assert redact("it said: just some words!") == "it said: [redacted]!"


def test_an_existing_name_is_refused_and_the_secret_unchanged():
    create_secret("prod", {"API_KEY": VALUE})
    with pytest.raises(KitaruRuntimeError, match="already"):
        create_secret("prod", {"API_KEY": "other"})
    assert get_secret("prod").get("API_KEY") == VALUE


@pytest.mark.parametrize("action", [get_secret, delete_secret, lambda name: update_secret(name, {"A": "b"})])
def test_a_missing_secret_is_refused_whatever_is_done(action, home):
    with pytest.raises(KitaruNotFoundError, match="no secret 'prod'"):
        action("prod")
    assert not home.exists()
    create_secret("production", {"API_KEY": VALUE})
    with pytest.raises(KitaruRuntimeError, match="no secret 'prod'"):
        action("prod")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"A B": "x"},
        {"1A": "x"},
        {"": "x"},
        {"A": ""},
        {"A": None},
        {"A": b"x"},
        {"A": ["x"]},
        {3: "x"},
        "A=x",
        None,
    ],
)
def test_values_that_cannot_be_are_refused_and_nothing_written(values, home):
    with pytest.raises(KitaruUsageError):
        create_secret("prod", values)
    assert not home.exists()


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(KitaruUsageError, match="name of the secret"):
        create_secret(name, {"A": "b"})


def test_values_are_added_replaced_and_taken_out():
    create_secret("prod", {"A": "one", "B": "two"}, private=True)
    summary = update_secret("prod", {"B": "three", "C": "four"}, unset=["A"])
    assert (summary.keys, summary.private) == (("B", "C"), True)
    assert dict(get_secret("prod").values) == {"B": "three", "C": "four"}
    assert update_secret("prod", {}, unset=["C"]).keys == ("B",)
    with pytest.raises(KitaruUsageError, match="delete it"):
        update_secret("prod", {}, unset=["B"])
    with pytest.raises(KitaruUsageError):
        update_secret("prod", {})


def test_a_deleted_secret_is_gone_and_its_name_free():
    created = create_secret("prod", {"A": "one"})
    assert delete_secret(created.id) == created
    assert list_secrets() == []
    assert create_secret("prod", {"A": "two"}).id != created.id


def test_secrets_are_listed_by_name():
    for name in ("b", "a", "c"):
        create_secret(name, {"A": "one"})
    assert [summary.name for summary in list_secrets()] == ["a", "b", "c"]


def test_writers_at_the_same_time_lose_nothing():
    threads = [threading.Thread(target=create_secret, args=(f"s{n}", {"A": f"value-{n}"})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [get_secret(f"s{n}").get("A") for n in range(8)] == [f"value-{n}" for n in range(8)]


def test_secrets_become_environment_variables_for_a_body():
    create_secret("one", {"A": "1", "B": "1"})
    create_secret("two", {"B": "2"})
    assert secret_environment(["one", "two"]) == {"A": "1", "B": "2"}


def test_the_environment_goes_first_and_is_read_only(monkeypatch):
    create_secret("prod-openai", {"OPENAI_API_KEY": "local"})
    monkeypatch.setenv("KITARU_SECRET__PROD_OPENAI__OPENAI_API_KEY", "platform")
    found = get_secret("prod-openai")
    assert (found.get("OPENAI_API_KEY"), found.id) == ("platform", "environment:PROD_OPENAI")
    assert get_secret(found.id).get("OPENAI_API_KEY") == "platform"
    assert [summary.name for summary in list_secrets()] == ["PROD_OPENAI", "prod-openai"]
    assert redact("it is platform") == "it is [redacted]"


def test_a_store_nobody_offers_is_refused(monkeypatch):
    monkeypatch.setenv("KITARU_SECRET_STORE", "vault")
    with pytest.raises(KitaruUsageError, match=r"'vault'.*local"):
        get_secret("prod")


def test_a_store_of_a_plugin_takes_the_place_of_the_local_one(monkeypatch, tmp_path, home):
    @hookimpl
    def kitaru_plugin_card():
        return PluginCard(name="vault", hookspec=1)

    @hookimpl
    def kitaru_secret_stores():
        return [SecretStoreDriver(name="vault", load=lambda: lambda: LocalSecretStore(tmp_path / "vault"))]

    plugin = SimpleNamespace(kitaru_plugin_card=kitaru_plugin_card, kitaru_secret_stores=kitaru_secret_stores)
    get_manager().register(plugin, name="vault")
    monkeypatch.setenv("KITARU_SECRET_STORE", "vault")
    try:
        create_secret("prod", {"API_KEY": VALUE})
        assert get_secret("prod").get("API_KEY") == VALUE
    finally:
        get_manager().unregister("vault")
    assert (tmp_path / "vault" / "secrets.db").exists()
    assert not home.exists()


def test_without_the_package_for_encryption_the_extra_is_named(monkeypatch, home):
    for module in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(KitaruFeatureNotAvailableError, match=r"kitaru-core\[secrets\]"):
        create_secret("prod", {"A": "one"})
    assert list_secrets() == []
    assert home.exists()
