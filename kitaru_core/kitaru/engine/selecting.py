"""How a person names one call of an execution."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from kitaru.errors import KitaruStateError, KitaruUsageError

__all__ = ["NamedCall", "select_call"]

_POSITION = re.compile(r"(.+)#(\d+)\Z", re.DOTALL)
_FIRST = "_1"


class NamedCall(Protocol):
    """What a call is found by, whether it is read from a journal or shown to a person."""

    @property
    def call_id(self) -> str:
        """Its id."""

    @property
    def invocation_id(self) -> str:
        """Its readable id, unique in the execution."""

    @property
    def name(self) -> str:
        """Checkpoint name."""

    @property
    def index(self) -> int:
        """Its place among the calls of the body."""

    @property
    def adapter(self) -> str | None:
        """The adapter that opened it."""


C = TypeVar("C", bound=NamedCall)


def select_call(calls: Iterable[C], selector: str) -> C:
    """Find the call a selector names: a call id, an invocation id, a checkpoint name, or `name#n`.

    Args:
        calls: The calls of the execution.
        selector: What a person wrote.

    Raises:
        KitaruUsageError: The selector is blank.
        KitaruStateError: It names no call, or several.
    """
    wanted = selector.strip()
    if not wanted:
        msg = "The selector is blank; give the name, invocation id or call id of a checkpoint."
        raise KitaruUsageError(msg)
    known = sorted(calls, key=lambda call: call.index)
    for call in known:
        if call.call_id == wanted:
            return call
    named = [call for call in known if call.name == wanted]
    exact = [call for call in known if call.invocation_id == wanted]
    if exact and len(named) <= 1:
        return exact[0]
    if len(named) == 1:
        return named[0]
    if len(named) > 1:
        raise _ambiguous(wanted, named)
    return _by_position(known, wanted) or _by_suffix(known, wanted)


def _by_position(known: Sequence[C], wanted: str) -> C | None:
    split = _POSITION.match(wanted)
    name, n = (split[1], int(split[2])) if split else (wanted.removesuffix(_FIRST), 1)
    if split is None and not wanted.endswith(_FIRST):
        return None
    named = [call for call in known if call.name == name]
    return named[n - 1] if 0 < n <= len(named) else None


def _by_suffix(known: Sequence[C], wanted: str) -> C:
    """Resolve a selector without its adapter's prefix, such as `model_request_2`, when one call matches."""
    counted = _POSITION.match(wanted)
    base = wanted if counted is None else counted[1] if counted[2] == "1" else f"{counted[1]}_{counted[2]}"
    base = base.removesuffix(_FIRST)
    units = [call for call in known if call.adapter is not None]
    found = [call for call in units if call.invocation_id.endswith((f"_{base}", f"_{wanted}"))]
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(wanted, found)
    names = ", ".join(dict.fromkeys(call.invocation_id for call in known)) or "none at all"
    msg = f"The execution has no checkpoint {wanted!r}; it has: {names}."
    raise KitaruStateError(msg)


def _ambiguous(wanted: str, found: Sequence[NamedCall]) -> KitaruStateError:
    rows = "; ".join(f"{wanted}#{n} = {call.invocation_id} ({call.call_id})" for n, call in enumerate(found, start=1))
    return KitaruStateError(f"{wanted!r} names {len(found)} calls. Use one of: {rows}.")
