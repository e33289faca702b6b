"""Recorded exceptions made again."""

from __future__ import annotations

import pytest

from kitaru.engine.failures import RecordedFailure, describe, rebuild
from kitaru.errors import FailureOrigin


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
