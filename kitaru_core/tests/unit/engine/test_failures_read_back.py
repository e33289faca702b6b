"""Recorded exceptions made again."""

from __future__ import annotations

import sys
import types

import pytest

from kitaru.engine.failures import RecordedFailure, describe, rebuild
from kitaru.errors import FailureOrigin
from kitaru.records.failure import Failure


class OfARuntimeError(RuntimeError):
    """Extends a built-in class that has a `__new__` of its own, as every built-in class has."""


class WithCodeOfItsOwnError(ValueError):
    def __new__(cls, *_args):
        pytest.fail("code of a recorded class was run")


def read_back(error):
    return rebuild(describe(error, FailureOrigin.USER_CODE))


@pytest.mark.parametrize("kind", [OfARuntimeError, LookupError, ValueError])
def test_a_recorded_error_keeps_its_class_and_arguments(kind):
    found = read_back(kind("text", 7))
    assert type(found) is kind
    assert found.args == ("text", 7)


def test_no_code_of_a_recorded_class_is_run():
    error = ValueError.__new__(WithCodeOfItsOwnError, "text")
    assert isinstance(read_back(error), RecordedFailure)


def test_a_name_found_in_data_runs_no_code_of_a_module(monkeypatch):
    lazy = types.ModuleType("lazy_module")
    lazy.__getattr__ = lambda name: pytest.fail(f"{name} was looked up")
    monkeypatch.setitem(sys.modules, "lazy_module", lazy)
    assert isinstance(rebuild(Failure(message="m", type="lazy_module:Anything", arguments=["json/1", "[]"])), Exception)


def test_an_error_whose_arguments_do_not_make_one_is_told_in_words():
    error = ExceptionGroup("two", [ValueError(1), KeyError(2)])
    error.args = ("changed",)
    found = read_back(error)
    assert (type(found), str(found)) == (RecordedFailure, "two (2 sub-exceptions)")
