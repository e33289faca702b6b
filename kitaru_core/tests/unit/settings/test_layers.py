from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import kitaru
from kitaru import config
from kitaru.errors import KitaruFeatureNotAvailableError, KitaruUsageError
from kitaru.settings.config import KitaruConfig
from kitaru.settings.environment import (
    VARIABLES,
    environment_config,
    list_active_kitaru_environment_variables,
    wait_timeout,
)
from kitaru.settings.image import ImageSettings, as_image
from kitaru.settings.paths import config_directory
from kitaru.settings.project import project_config
from kitaru.settings.runtime import configure, runtime_config
from kitaru.settings.servers import connect


def test_configure_sets_keeps_and_clears():
    assert configure(retries=2, cache=True) == KitaruConfig(retries=2, cache=True)
    assert configure(stack="gpu") == KitaruConfig(retries=2, cache=True, stack="gpu")
    assert configure(retries=None, cache=None) == KitaruConfig(stack="gpu")
    assert configure() is runtime_config()


@pytest.mark.parametrize(
    "given",
    [
        {"retries": -1},
        {"retries": True},
        {"retries": "many"},
        {"cache": "perhaps"},
        {"stack": " "},
        {"stack": 3},
        {"llm_estimated_costs": "sometimes"},
        {"durability": "disk"},
        {"run_mode": "fork"},
        {"max_concurrency": 0},
        {"image": 7},
        {"image": {"colour": "red"}},
        {"image": {"environment": {"A": None}}},
        {"image": {"apt_packages": [""]}},
        {"image": {"base_image": "a", "parent_image": "b"}},
    ],
)
def test_a_wrong_value_is_refused_by_name_and_changes_nothing(given):
    before = configure(project="p")
    (field,) = given
    with pytest.raises(KitaruUsageError, match=field):
        configure(project="q", **given)
    assert runtime_config() is before


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KITARU_CACHE", "perhaps"),
        ("KITARU_RETRIES", "-1"),
        ("KITARU_RETRIES", "1.5"),
        ("KITARU_IMAGE", " "),
        ("KITARU_IMAGE", "{broken"),
        ("KITARU_IMAGE", '{"colour": "red"}'),
        ("KITARU_LLM_ESTIMATED_COSTS", "sometimes"),
        ("KITARU_RUN_MODE", "fork"),
        ("KITARU_DURABILITY", "disk"),
        ("KITARU_MAX_CONCURRENCY", "0"),
        ("KITARU_SERVER_URL", "kitaru.example.com"),
        ("KITARU_SERVER_URL", "https://"),
        ("KITARU_RUNNER", "local"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable, value):
    with pytest.raises(KitaruUsageError, match=variable):
        environment_config({variable: value})


def test_blank_variables_count_as_unset():
    assert environment_config({"KITARU_STACK": " ", "KITARU_RETRIES": "", "KITARU_RUNNER": ""}) == KitaruConfig()


@pytest.mark.parametrize("word", ["1", "true", "T", "yes", "y", " ON "])
def test_words_for_true_are_understood(word):
    assert environment_config({"KITARU_CACHE": word}).cache is True


def test_an_image_variable_may_be_a_name_or_json():
    assert environment_config({"KITARU_IMAGE": "python:3.12"}).image == ImageSettings(base_image="python:3.12")
    assert environment_config({"KITARU_IMAGE": '{"user": "app"}'}).image == ImageSettings(user="app")


def test_an_empty_image_says_so():
    assert ImageSettings().is_empty()
    assert not as_image("python:3.12", "image").is_empty()


def test_a_password_in_a_server_address_is_refused_and_not_shown():
    with pytest.raises(KitaruUsageError) as caught:
        environment_config({"KITARU_SERVER_URL": "https://me:hunter22@kitaru.example.com"})
    assert "hunter22" not in str(caught.value)


def test_the_token_is_never_shown():
    config = environment_config({"KITARU_AUTH_TOKEN": "hunter22"})
    assert "hunter22" not in repr(config)
    assert config.as_dict() == {}


def test_listed_variables_are_in_order_and_secrets_masked():
    given = {"KITARU_STACK": "gpu", "KITARU_AUTH_TOKEN": "hunter22", "OTHER": "x", "KITARU_CACHE": ""}
    assert list_active_kitaru_environment_variables(given) == {"KITARU_AUTH_TOKEN": "***", "KITARU_STACK": "gpu"}
    assert len(set(VARIABLES)) == len(VARIABLES)


def test_wait_timeout_is_a_number_of_seconds(monkeypatch):
    assert wait_timeout(600) == 600
    monkeypatch.setenv("KITARU_WAIT_TIMEOUT", "0.5")
    assert wait_timeout(600) == 0.5
    monkeypatch.setenv("KITARU_WAIT_TIMEOUT", "nan")
    with pytest.raises(KitaruUsageError, match="KITARU_WAIT_TIMEOUT"):
        wait_timeout(600)


def test_the_nearest_project_file_upwards_counts(project, tmp_path, monkeypatch):
    project("[tool.kitaru]\nretries = 3")
    deep = tmp_path / "work" / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert project_config().retries == 3
    (deep / "pyproject.toml").write_text("[project]\nname = 'x'")
    assert project_config() == KitaruConfig()


def test_a_changed_project_file_is_read_again(project):
    project("[tool.kitaru]\nretries = 3")
    assert project_config().retries == 3
    project("[tool.kitaru]\nretries = 44")
    assert project_config().retries == 44


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[tool.kitaru]\nrunner = 'x'", "stack"),
        ("[tool.kitaru]\nretries = -1", "retries in .*pyproject.toml"),
        ("[tool.kitaru\n", "cannot be read"),
        ("[tool]\nkitaru = 3", "tool.kitaru"),
    ],
)
def test_a_wrong_project_file_is_refused_and_named(text, named, project):
    project(text)
    with pytest.raises(KitaruUsageError, match=named):
        project_config()


def test_importing_the_settings_touches_nothing_and_loads_no_heavy_library(tmp_path):
    program = (
        "import os, sys; before = dict(os.environ)\n"
        "import kitaru.settings.resolve, kitaru.settings.log_store, kitaru.settings.connection\n"
        "assert dict(os.environ) == before\n"
        "print([name for name in ('pydantic', 'yaml', 'cryptography', 'sqlite3') if name in sys.modules])"
    )
    env = {"KITARU_CONFIG_PATH": str(tmp_path / "never"), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not (tmp_path / "never").exists()


def test_connecting_says_that_there_is_no_client_and_refuses_what_is_no_address():
    with pytest.raises(KitaruFeatureNotAvailableError, match=r"https://kitaru\.example\.com"):
        connect("https://kitaru.example.com/", api_key="hunter22")
    with pytest.raises(KitaruUsageError, match="address"):
        connect("kitaru.example.com")


def test_every_variable_the_runtime_reads_is_listed():
    folder = Path(kitaru.__file__).parent
    text = "".join(file.read_text() for file in folder.rglob("*.py") if file.parent.name != "adapters")
    read = set(re.findall(r"\bKITARU_[A-Z]+(?:_[A-Z]+)*\b", text))
    assert read - set(VARIABLES) == {"KITARU_RUNNER"}


@pytest.mark.parametrize("name", config.__all__)
def test_every_name_of_the_config_module_can_be_loaded(name):
    assert getattr(config, name).__name__


def test_the_config_module_has_no_other_names():
    with pytest.raises(AttributeError, match="nothing"):
        _ = config.nothing
    assert dir(config) == config.__all__


def test_the_place_of_the_settings_follows_the_environment_and_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []
    for given in ("one", "one/../two", str(tmp_path / "three"), "~/four", ""):
        monkeypatch.setenv("KITARU_CONFIG_PATH", given)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("XDG_CONFIG_HOME", "")
        seen.append(config_directory().relative_to(tmp_path).as_posix())
    usual = "home/Library/Application Support/kitaru" if sys.platform == "darwin" else "home/.config/kitaru"
    assert seen == ["one", "one/../two", "three", "home/four", usual]
