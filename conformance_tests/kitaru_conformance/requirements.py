"""Requirements: what one case of a contract demands, said in one sentence and known by an id.

A case is a test method. Its decorator gives the id, its docstring gives the rest::

    @requirement("J-07", needs={"leases"})
    def test_a_later_generation_fences_the_earlier(self, journal):
        \"\"\"A runner that was replaced cannot append any more.

        If this fails: repair J-02 first; then look at how an append checks the generation.
        \"\"\"
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, get_args

__all__ = ["ID", "LEVELS", "Level", "Requirement", "requirement", "requirement_of"]

Level = Literal["loads", "base", "full"]
"""How much a subject promises: it can be loaded; it does what every one must; it does all that it claims."""

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
ID: Final = re.compile(r"[A-Z]-\d{2,3}")

_ATTRIBUTE: Final = "__kitaru_requirement__"
_owners: dict[str, str] = {}

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What one case demands.

    Attributes:
        id: Its id, such as `J-07`.
        statement: The requirement in one sentence.
        if_fails: Where to look when it does not hold, and which case to repair first.
        level: The level it belongs to.
        needs: Capabilities without which the case does not apply.
    """

    id: str
    statement: str
    if_fails: str
    level: Level
    needs: frozenset[str]


def requirement(id: str, *, level: Level | None = None, needs: Iterable[str] = ()) -> Callable[[F], F]:  # noqa: A002 - the word authors use
    """Make a test method a case of a contract.

    The first sentence of its docstring is the requirement, and the part after `If this fails:` helps whoever it fails
    for.

    Args:
        id: A letter for the contract and a number, such as `J-07`; no other case may have it.
        level: The level the case belongs to; `base`, or `full` if it needs a capability.
        needs: Capabilities a subject must claim for the case to apply.

    Raises:
        ValueError: The id is malformed or taken, or the docstring lacks one of its parts.
    """
    wanted = frozenset(needs)
    found = level or ("full" if wanted else "base")

    def declare(function: F) -> F:
        statement, if_fails = _parts(function, id)
        _claim(id, f"{function.__module__}.{function.__qualname__}")
        made = Requirement(id=id, statement=statement, if_fails=if_fails, level=found, needs=wanted)
        setattr(function, _ATTRIBUTE, made)
        return function

    return declare


def requirement_of(function: object) -> Requirement | None:
    """Return what was declared for a test method, or `None`."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Requirement) else None


def _claim(id: str, owner: str) -> None:  # noqa: A002 - as above
    if not ID.fullmatch(id):
        msg = f"{owner} declares the requirement {id!r}; an id is a letter and a number, such as 'J-07'."
        raise ValueError(msg)
    known = _owners.setdefault(id, owner)
    if known != owner:
        msg = f"The requirement {id} is declared twice, by {known} and by {owner}; give one of them another number."
        raise ValueError(msg)


def _parts(function: Callable[..., object], id: str) -> tuple[str, str]:  # noqa: A002 - as above
    text, separator, advice = (inspect.getdoc(function) or "").partition("If this fails:")
    statement = " ".join(text.partition("\n\n")[0].split())
    if not statement or not separator or not advice.strip():
        msg = f"The docstring of {id} needs one sentence that says what must hold, and a part 'If this fails: ...'."
        raise ValueError(msg)
    return statement, " ".join(advice.split())
