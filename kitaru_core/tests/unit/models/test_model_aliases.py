from __future__ import annotations

import json

import pytest

from kitaru.errors import KitaruNotFoundError, KitaruUsageError
from kitaru.models.aliases import (
    ModelAliasEntry,
    ResolvedModelSelection,
    list_model_aliases,
    register_model_alias,
    resolve_model_selection,
    set_default_model_alias,
    unregister_model_alias,
)
from kitaru.secrets.registry import create_secret


def _transport(monkeypatch, **registry) -> None:
    monkeypatch.setenv("KITARU_MODEL_REGISTRY", json.dumps(registry))


def test_the_first_alias_becomes_the_default():
    assert register_model_alias("Fast", model="stub/small") == ModelAliasEntry("fast", "stub/small", is_default=True)
    assert register_model_alias("big", model="stub/large") == ModelAliasEntry("big", "stub/large")
    assert [entry.alias for entry in list_model_aliases()] == ["big", "fast"]


def test_registering_again_replaces_the_model_and_keeps_the_default():
    register_model_alias("fast", model="stub/small")
    register_model_alias("fast", model="stub/tiny")
    assert list_model_aliases() == [ModelAliasEntry("fast", "stub/tiny", is_default=True)]


@pytest.mark.parametrize("alias", ["", "-a", "_a", "a b", "a/b", "ä", None])
def test_an_alias_that_cannot_be_is_refused(alias, home):
    with pytest.raises(KitaruUsageError, match="alias"):
        register_model_alias(alias, model="stub/small")
    assert not home.exists()


@pytest.mark.parametrize("model", ["", "small", "/small", "stub/", None])
def test_a_model_without_a_provider_is_refused(model):
    with pytest.raises(KitaruUsageError, match="model"):
        register_model_alias("fast", model=model)


def test_the_secret_of_an_alias_must_exist_and_only_its_name_is_kept(home):
    with pytest.raises(KitaruNotFoundError, match="no secret 'prod'"):
        register_model_alias("fast", model="stub/small", secret="prod")
    create_secret("prod", {"STUB_API_KEY": "the-value"})
    assert register_model_alias("fast", model="stub/small", secret="prod").secret == "prod"
    assert "the-value" not in (home / "kitaru.yaml").read_text()


def test_an_alias_is_forgotten_and_the_last_one_left_is_the_default():
    for alias in ("one", "two", "three"):
        register_model_alias(alias, model=f"stub/{alias}")
    assert unregister_model_alias("one").is_default
    assert not any(entry.is_default for entry in list_model_aliases())
    unregister_model_alias("two")
    assert list_model_aliases() == [ModelAliasEntry("three", "stub/three", is_default=True)]
    with pytest.raises(KitaruNotFoundError, match=r"'two'.*three"):
        unregister_model_alias("two")


def test_the_default_is_chosen():
    register_model_alias("one", model="stub/one")
    register_model_alias("two", model="stub/two")
    assert set_default_model_alias("two").is_default
    assert resolve_model_selection().alias == "two"
    with pytest.raises(KitaruNotFoundError):
        set_default_model_alias("three")


def test_the_named_model_wins_then_the_variable_then_the_default(monkeypatch):
    register_model_alias("one", model="stub/one")
    register_model_alias("two", model="stub/two")
    assert resolve_model_selection() == ResolvedModelSelection(None, "one", "stub/one", None)
    monkeypatch.setenv("KITARU_DEFAULT_MODEL", "TWO")
    assert resolve_model_selection() == ResolvedModelSelection("TWO", "two", "stub/two", None)
    assert resolve_model_selection("stub/x") == ResolvedModelSelection("stub/x", None, "stub/x", None)


def test_the_only_alias_is_used_without_a_default(monkeypatch):
    _transport(monkeypatch, aliases={"only": {"model": "stub/only"}})
    assert resolve_model_selection().alias == "only"


def test_several_aliases_without_a_default_are_an_error_that_names_them(monkeypatch):
    _transport(monkeypatch, aliases={"a": {"model": "stub/a"}, "b": {"model": "stub/b"}})
    with pytest.raises(KitaruUsageError, match=r"KITARU_MODEL_REGISTRY has several aliases \(a, b\)"):
        resolve_model_selection()


def test_no_alias_at_all_is_an_error_that_says_what_to_do():
    with pytest.raises(KitaruUsageError, match=r"local registry has no alias.*model register"):
        resolve_model_selection()


def test_a_blank_default_model_is_an_error(monkeypatch):
    register_model_alias("one", model="stub/one")
    monkeypatch.setenv("KITARU_DEFAULT_MODEL", " ")
    with pytest.raises(KitaruUsageError, match="KITARU_DEFAULT_MODEL"):
        resolve_model_selection()


def test_transported_aliases_lie_over_the_local_ones(monkeypatch):
    register_model_alias("one", model="stub/local")
    register_model_alias("mine", model="stub/mine")
    _transport(monkeypatch, aliases={"one": {"model": "stub/carried"}, "two": "stub/two"}, default="two")
    assert [(entry.alias, entry.model) for entry in list_model_aliases()] == [
        ("mine", "stub/mine"),
        ("one", "stub/carried"),
        ("two", "stub/two"),
    ]
    assert resolve_model_selection().resolved_model == "stub/two"


def test_the_registry_of_the_execution_lies_over_both(monkeypatch):
    register_model_alias("one", model="stub/local")
    _transport(monkeypatch, aliases={"one": {"model": "stub/carried"}})
    frozen = {"aliases": {"one": {"model": "stub/frozen"}}, "default": "one"}
    assert resolve_model_selection(frozen=frozen).resolved_model == "stub/frozen"


@pytest.mark.parametrize("text", ["{", "[]", '{"aliases": []}', '{"aliases": {"a": {}}}', '{"default": "A B"}'])
def test_a_malformed_transported_registry_is_refused_by_its_source(text, monkeypatch):
    monkeypatch.setenv("KITARU_MODEL_REGISTRY", text)
    with pytest.raises(KitaruUsageError, match="KITARU_MODEL_REGISTRY"):
        resolve_model_selection("a")


def test_an_unreadable_local_file_is_ignored_under_a_transported_registry(home, monkeypatch):
    home.mkdir()
    (home / "kitaru.yaml").write_text("a: [")
    with pytest.raises(KitaruUsageError, match=r"kitaru\.yaml"):
        resolve_model_selection("a")
    _transport(monkeypatch, aliases={"a": {"model": "stub/a"}})
    assert resolve_model_selection("a").resolved_model == "stub/a"


def test_a_default_that_is_no_alias_is_an_error(monkeypatch):
    _transport(monkeypatch, aliases={"a": {"model": "stub/a"}}, default="gone")
    with pytest.raises(KitaruUsageError, match="'gone' is not registered"):
        resolve_model_selection()
