"""The typed façade, the specifications and the tests name the same hooks with the same parameters."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from kitaru.hooks import HookManager, specs
from kitaru.hooks.checks import known_specs

HOOKS = list(known_specs())


def test_there_are_twenty_one_hooks_in_the_order_of_a_plugins_life():
    assert len(HOOKS) == 21
    assert HOOKS[0] == "kitaru_plugin_card"
    assert HOOKS[-1] == "kitaru_closing"


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_typed_method_with_its_parameters(hook):
    method = getattr(HookManager, hook.removeprefix("kitaru_"))
    spec = inspect.signature(getattr(specs, hook)).parameters
    given = list(inspect.signature(method).parameters.values())[1:]
    assert [(one.name, one.annotation) for one in given] == [(one.name, one.annotation) for one in spec.values()]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test_of_its_own(hook):
    source = Path(__file__).with_name("test_each_hook.py").read_text()
    assert re.search(rf"def test_hook_{hook.removeprefix('kitaru_')}\w*\(", source)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_specification_says_what_an_exception_means(hook):
    text = inspect.getdoc(getattr(specs, hook))
    assert "exception" in text
    assert "Called" in text


def test_nobody_else_touches_the_relay():
    tree = Path(inspect.getfile(HookManager)).parents[1]
    users = {path.name for path in tree.rglob("*.py") if "_relay." in path.read_text()}
    assert users == {"manager.py", "registrar.py"}


def test_a_boundary_costs_two_attribute_reads_when_nobody_listens(manager, listening, boundary):
    assert not manager.boundary_hooks_active
    assert not manager.record_hooks_active

    def kitaru_record_committed():
        """Watch."""

    listening(kitaru_record_committed)
    assert manager.record_hooks_active
    assert not manager.boundary_hooks_active
    assert manager.checkpoint_summary(boundary, 1) is None


def test_a_plugin_that_reports_to_nobody_is_not_called_until_somebody_listens(manager, listening):
    heard, seen = [], []

    def kitaru_record_committed(record):
        seen.append(record)

    listening(kitaru_record_committed, listens=lambda: bool(heard))
    assert not manager.record_hooks_active
    heard.append("somebody")
    manager.attend()
    manager.record_committed("a record")
    assert manager.record_hooks_active
    assert seen == ["a record"]


def test_a_policy_is_asked_whether_its_plugin_listens_or_not(manager, listening):
    def kitaru_checkpoint_admit():
        """Admit."""

    listening(kitaru_checkpoint_admit, listens=lambda: False)
    assert manager.boundary_hooks_active


def test_a_plugin_that_cannot_say_whether_it_listens_is_called_and_reported(manager, listening, caplog):
    def kitaru_record_committed():
        """Watch."""

    listening(kitaru_record_committed, listens=lambda: 1 // 0)
    assert manager.record_hooks_active
    assert "ZeroDivisionError" in caplog.text


def test_unregistering_takes_everything_out_again(listening, manager, boundary):
    def kitaru_checkpoint_identity():
        return "here"

    listening(kitaru_checkpoint_identity, name="toy")
    assert manager.checkpoint_identity(boundary) == "here"
    assert manager.unregister("toy")
    assert not manager.unregister("toy")
    assert manager.checkpoint_identity(boundary) is None
    assert not manager.boundary_hooks_active
