"""What all contracts have in common: how a subject says what it is and what it claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NoReturn

import pytest

__all__ = ["Contract", "contract_of", "must_be_given"]


class Contract:
    """Base of all contract classes.

    A contract class sets `prefix` and `known_capabilities`. Whoever wants to be judged subclasses it in a test module
    as `TestSomething`, gives its fixtures, and sets the rest.

    Attributes:
        prefix: The letter in front of the contract's ids; each contract has its own.
        known_capabilities: What a subject may claim beyond the base, each with a sentence about it.
        capabilities: What this subject claims.
        gaps: Requirement ids that this subject is known to fail, each with the reason. Where a case has parameters,
            `X-03[name]` means only those with that name; `X-03` means all of them.
        subject: The subject's name in reports; the class's name without `Test` if empty.
        distribution: The distribution that brings the subject; its version is reported.
        framework: The distribution of the framework an adapter is for.
    """

    prefix: ClassVar[str] = ""
    known_capabilities: ClassVar[Mapping[str, str]] = {}

    capabilities: ClassVar[frozenset[str]] = frozenset()
    gaps: ClassVar[Mapping[str, str]] = {}
    subject: ClassVar[str] = ""
    distribution: ClassVar[str] = "kitaru-core"
    framework: ClassVar[str | None] = None

    @classmethod
    def describe(cls) -> Mapping[str, str | list[str]]:
        """Return further facts for the report, such as an adapter's strategies; no paths, no times."""
        return {}

    @classmethod
    def name_in_reports(cls) -> str:
        """Return the subject's name."""
        return cls.subject or cls.__name__.removeprefix("Test")


def must_be_given(fixture: str, what: str) -> NoReturn:
    """Say that the author of a subject left out one of the fixtures that only the author can give.

    Args:
        fixture: Its name.
        what: What it gives.
    """
    pytest.fail(
        f"The contract cannot judge without the fixture `{fixture}`, {what}. Give it in the test class.", pytrace=False
    )


def contract_of(subject: type[Contract]) -> type[Contract]:
    """Return the contract class that a class belongs to: the nearest that declares a `prefix` itself."""
    return next(one for one in subject.__mro__ if issubclass(one, Contract) and "prefix" in vars(one))
