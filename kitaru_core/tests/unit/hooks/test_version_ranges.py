"""Version ranges of frameworks."""

from __future__ import annotations

import pytest

from kitaru.errors import KitaruUsageError
from kitaru.hooks.distributions import installed_version
from kitaru.hooks.ranges import is_within


@pytest.mark.parametrize(
    ("version", "range_", "within"),
    [
        ("1.2", ">=1.2.0,<2", True),
        ("1.2.0", "==1.2", True),
        ("1.10", ">=1.9", True),
        ("2.0", ">=1.2,<2", False),
        ("2.0rc1", "<2", False),
        ("2.0rc1", ">=2", False),
        ("2.0.dev3", ">=2.0", False),
        ("2.0.post1", ">=2.0", True),
        ("1.5+local", ">1.4", True),
        ("1.4.7", "~=1.4", True),
        ("2.0", "~=1.4", False),
        ("1.4.7", "~=1.4.2", True),
        ("1.5.0", "~=1.4.2", False),
        ("3.1", "!=3.1", False),
        ("0.1", "", True),
        ("unreadable", ">=1", True),
    ],
)
def test_a_version_lies_in_a_range(version, range_, within):
    assert is_within(version, range_) is within


@pytest.mark.parametrize("range_", ["1.2", ">= x", "about 3", ">=1;<2"])
def test_a_range_that_cannot_be_read_is_refused(range_):
    with pytest.raises(KitaruUsageError, match="not a version range"):
        is_within("1.0", range_)


def test_versions_are_found_without_an_import():
    assert installed_version("pluggy") is not None
    assert installed_version("no-such-distribution") is None
