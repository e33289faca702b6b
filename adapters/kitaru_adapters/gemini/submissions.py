"""The submission journal of one turn: which creates were announced, and what is known about each.

There is no call that lists interactions, so an id that is lost cannot be found again. An attempt therefore notes its
intent before it sends a create and the id as soon as it knows it. Notes outlive the attempt and the process; the next
attempt reads them and goes on observing instead of paying for a second job.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kitaru_adapters.gemini.operations import Jot
from kitaru_adapters.gemini.types import GeminiSubmission

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from kitaru.seam import Call
    from kitaru_adapters.gemini.operations import Program
    from kitaru_adapters.gemini.values import JsonData

    State = Literal["intent", "submitted", "refused", "ended"]

__all__ = ["NOTE", "Entry", "Submissions"]

NOTE = "gemini_interactions.submission"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the journal.

    Attributes:
        attempt: Attempt that wrote it.
        state: What it says about the create; see `GeminiSubmission`.
        hop: Position in the chain of continuation hops.
        interaction_id: The interaction, once known.
        at: When it was written, in seconds since the epoch.
        digest: Digest of the request that was sent.
        token: Continuation token that the interaction stopped with.
    """

    attempt: int
    state: State
    hop: int
    interaction_id: str | None
    at: float
    digest: str
    token: str | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows if the service accepted the create."""
        return self.state == "intent"

    def as_submission(self) -> GeminiSubmission:
        """Return what the result shows of it."""
        return GeminiSubmission(
            attempt=self.attempt,
            state=self.state,
            interaction_id=self.interaction_id,
            created_at=self.at,
            hop=self.hop,
        )


class Submissions:
    """Reads and writes the journal of one turn."""

    def __init__(self, call: Call, *, durable: bool, request_digest: str) -> None:
        """Read what earlier attempts noted.

        Args:
            call: The boundary of the turn.
            durable: Whether the boundary belongs to this turn alone; inside a foreign checkpoint nothing is noted.
            request_digest: Digest of the request as it is sent now.
        """
        self._call, self._durable, self._digest = call, durable, request_digest
        self._entries: list[Entry] = list(_parsed(note.value for note in call.notes(NOTE))) if durable else []

    def latest(self, hop: int) -> Entry | None:
        """Return the newest line about one hop."""
        return next((entry for entry in reversed(self._entries) if entry.hop == hop), None)

    def write(
        self, state: State, *, hop: int, interaction_id: str | None = None, token: str | None = None
    ) -> Program[None]:
        """Add a line; it is durable when the program goes on.

        Args:
            state: What is known about the create.
            hop: Position in the chain.
            interaction_id: The interaction, once known.
            token: Continuation token it stopped with.
        """
        entry = Entry(
            attempt=self._call.attempt,
            state=state,
            hop=hop,
            interaction_id=interaction_id,
            at=time.time(),
            digest=self._digest,
            token=token,
        )
        if self._durable:
            yield Jot(NOTE, vars(entry))
        self._entries.append(entry)

    def is_for_this_request(self, entry: Entry) -> bool:
        """Tell whether a line was written for a request with the same contents."""
        return entry.digest == self._digest

    def submissions(self) -> list[GeminiSubmission]:
        """Return each create once, with the last that is known about it."""
        last: dict[tuple[int, int], Entry] = {}
        for entry in self._entries:
            known = last.get((entry.attempt, entry.hop))
            if known is None or entry.state != "submitted" or known.state == "intent":
                last[entry.attempt, entry.hop] = entry
        return [entry.as_submission() for entry in last.values()]


def _parsed(values: Iterable[JsonData]) -> Iterable[Entry]:
    for value in values:
        yield Entry(**{name: value.get(name) for name in Entry.__dataclass_fields__})
