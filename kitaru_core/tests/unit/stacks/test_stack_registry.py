from __future__ import annotations

import subprocess
import sys

import pytest

from kitaru.errors import KitaruStateError, KitaruUsageError
from kitaru.settings.user_file import read_user_file, update_user_file
from kitaru.stacks.registry import create_stack, current_stack, delete_stack, list_stacks, use_stack


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KITARU_CONFIG_PATH", str(tmp_path))
    return tmp_path


def _names() -> dict[str, bool]:
    return {info.name: info.is_active for info in list_stacks()}


def test_the_default_stack_is_there_and_active_without_any_file(home):
    assert _names() == {"default": True}
    assert current_stack().name == "default"
    assert list(home.iterdir()) == []


def test_a_created_stack_becomes_active():
    created = create_stack("gpu", labels={"team": "a"})
    assert created.is_active
    assert current_stack() == created
    assert _names() == {"default": False, "gpu": True}


def test_a_created_stack_may_stay_inactive():
    assert not create_stack("gpu", activate=False).is_active
    assert current_stack().name == "default"


def test_the_active_stack_is_remembered_for_later_processes(home):
    create_stack("gpu")
    program = "from kitaru.stacks.registry import current_stack; print(current_stack().name)"
    env = {"KITARU_CONFIG_PATH": str(home)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "gpu"


def test_a_stack_is_used_by_name_or_id():
    created = create_stack("gpu", activate=False)
    assert use_stack("gpu").id == created.id
    assert use_stack("default").name == "default"
    assert use_stack(created.id).name == "gpu"


@pytest.mark.parametrize("name", ["gpu", "default"])
def test_a_name_that_is_taken_is_refused(name):
    create_stack("gpu")
    with pytest.raises(KitaruStateError, match="already"):
        create_stack(name)


@pytest.mark.parametrize("action", [create_stack, use_stack, delete_stack])
def test_a_blank_name_is_refused(action, home):
    with pytest.raises(KitaruUsageError, match="blank"):
        action("  ")
    assert not (home / "kitaru.yaml").exists()


@pytest.mark.parametrize("action", [use_stack, delete_stack])
def test_an_unknown_stack_is_refused_and_the_known_ones_named(action):
    create_stack("gpu")
    with pytest.raises(KitaruStateError, match=r"no stack 'gp'.*default, gpu"):
        action("gp")


def test_the_active_stack_is_deleted_only_by_force():
    create_stack("gpu")
    with pytest.raises(KitaruStateError, match="force=True"):
        delete_stack("gpu")
    assert current_stack().name == "gpu"
    delete_stack("gpu", force=True)
    assert _names() == {"default": True}


def test_the_default_stack_cannot_be_deleted():
    create_stack("gpu")
    with pytest.raises(KitaruStateError, match="cannot be deleted"):
        delete_stack("default", force=True)


def test_an_active_stack_that_is_gone_is_an_error_not_the_default_one():
    with update_user_file() as content:
        content["active_stack"] = "gone"
    with pytest.raises(KitaruStateError, match="no stack 'gone'"):
        current_stack()
    assert _names() == {"default": False}


def test_a_label_must_be_a_text():
    with pytest.raises(KitaruUsageError, match="label"):
        create_stack("gpu", labels={"team": 3})
    assert "stacks" not in read_user_file()


def test_malformed_stacks_are_refused_by_file_and_section():
    with update_user_file() as content:
        content["stacks"] = [{"name": 3}]
    with pytest.raises(KitaruUsageError, match=r"'stacks' of .*kitaru\.yaml"):
        list_stacks()
