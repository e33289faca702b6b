"""How much a conversation takes."""

from __future__ import annotations

from base64 import b85encode
from hashlib import sha512

from kitaru_conformance.harness import AdapterHarness
from kitaru_conformance.lab import Lab
from kitaru_conformance.requirements import requirement
from kitaru_conformance.script import Script, Tool, ToolCall, Turn

__all__ = ["Storage"]

_CALLS = 12


def _long(calls: int) -> Script:
    """Return a conversation in which every call adds two kilobytes that cannot be compressed away."""
    values = [b"".join(sha512(b"%d/%d/%d" % (calls, n, part)).digest() for part in range(24)) for n in range(calls)]
    turns = tuple(Turn(calls=(ToolCall("a", b85encode(value).decode(), f"c{n}"),)) for n, value in enumerate(values))
    return Script(turns=(*turns, Turn(text="done")), tools=(Tool(name="a", result="seen"),))


class Storage:
    """Cases about the size of the store."""

    harness: type[AdapterHarness]

    @requirement("A-160", needs={"granular"})
    def test_a_conversation_is_stored_linearly(self, lab: Lab) -> None:
        """A conversation of twice the length takes about twice the place, not four times.

        If this fails: messages are stored with every call; hand them to the seam as `Unit.history`.
        """
        lab.run(_long(0))
        empty = lab.size()
        lab.run(_long(_CALLS))
        short = lab.size() - empty
        lab.run(_long(2 * _CALLS))
        long = lab.size() - empty - short
        assert long < 2.7 * short
