"""Values too large for a journal: their bytes go into the artifact store, and a short note about them into the journal.

The note is a blob like any other, and so it is shared, archived and forgotten as blobs are, whatever the journal. It is
written after the bytes are durable, and the bytes are removed only when the note is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from kitaru.errors import KitaruBackendError, KitaruJournalError, KitaruNotFoundError
from kitaru.records.payload import payload_refs
from kitaru.settings.paths import artifact_address

if TYPE_CHECKING:
    from kitaru.artifacts.api import ArtifactStore
    from kitaru.journal.api import Draft, Journal

__all__ = ["LARGE_BYTES", "LargeValues"]

LARGE_BYTES: Final = 4 * 1024 * 1024
"""From this size on a value goes into the artifact store. It may grow in a later release, and must never shrink."""

Blobs = Sequence[tuple[str, bytes]]


class LargeValues:
    """Keeps the very large values of one journal.

    Args:
        journal: The journal. Its store is opened when the first such value is met.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._address = artifact_address(journal.url)
        self._store: ArtifactStore | None = None

    def concern(self, drafts: Iterable[Draft]) -> bool:
        """Tell whether a draft holds a value that is to be kept here."""
        return self._address is not None and any(
            len(data) >= LARGE_BYTES for draft in drafts for _, data in draft.blobs
        )

    def keep(self, drafts: Sequence[Draft]) -> tuple[list[Draft], Blobs]:
        """Keep the very large values of drafts durably.

        Args:
            drafts: The drafts.

        Returns:
            Drafts with notes in place of those values, and the values; `settle` is to be called with them once the
            drafts are recorded.

        Raises:
            KitaruBackendError: The store did not take a value.
        """
        noted, kept = [], []
        for draft in drafts:
            wanted = {ref.hash for ref in payload_refs(draft.fact) if ref.size >= LARGE_BYTES}
            large = [blob for blob in draft.blobs if blob[0] in wanted]
            rest = [blob for blob in draft.blobs if blob[0] not in wanted]
            noted.append(msgspec.structs.replace(draft, blobs=[*rest, *self._put(large)]))
            kept += large
        return noted, kept

    def keep_archived(self, blobs: Blobs) -> tuple[Blobs, Blobs]:
        """Keep the very large ones of an archive's values, as `keep` does; a message of a conversation is no value."""
        large = [blob for blob in blobs if self._address is not None and len(blob[1]) >= LARGE_BYTES]
        rest = [blob for blob in blobs if blob not in large]
        return [*rest, *self._put(large)], large

    def _put(self, blobs: Blobs) -> list[tuple[str, bytes]]:
        for _, data in blobs:
            self._opened().put(data)
        return [_note(digest) for digest, _ in blobs]

    def settle(self, kept: Blobs) -> None:
        """Put back what somebody, who forgot the same bytes at this moment, removed before the note was there."""
        for digest, data in kept:
            if not self._opened().has(digest):
                self._opened().put(data)

    def get(self, digest: str) -> bytes | None:
        """Return a value that is kept here, or `None`.

        Raises:
            KitaruJournalError: There is a note about it, and the store does not have it.
        """
        if self._address is None or not self._noted(digest):
            return None
        try:
            return self._opened().get(digest)
        except (KitaruNotFoundError, KitaruBackendError) as error:
            msg = (
                f"The value with digest {digest[:12]}... cannot be read from the artifact store {self._address!r}: "
                f"{error} Restore the store from a backup, or correct KITARU_ARTIFACT_STORE."
            )
            raise KitaruJournalError(msg, url=self._journal.url, reason="corrupt") from error

    def named(self, execution_id: str) -> list[str]:
        """Return the digests of an execution's very large values."""
        if self._address is None:
            return []
        facts = (record.fact for record in self._journal.records(execution_id))
        return [ref.hash for fact in facts for ref in payload_refs(fact) if ref.size >= LARGE_BYTES]

    def forget(self, digests: Iterable[str]) -> None:
        """Remove values that no record names any more."""
        for digest in set(digests):
            if self._noted(digest) or not self._opened().has(digest):
                continue
            with suppress(KitaruBackendError):  # a damaged one is of no use to anybody
                data = self._opened().get(digest)
                self._opened().delete(digest)
                if self._noted(digest):  # it was recorded anew meanwhile
                    self._opened().put(data)
                continue
            self._opened().delete(digest)

    def _noted(self, digest: str) -> bool:
        try:
            self._journal.blob(_note(digest)[0])
        except KitaruJournalError as error:
            return error.reason != "corrupt"  # what cannot be looked at now may well be there
        return True

    def _opened(self) -> ArtifactStore:
        if self._store is None:
            from kitaru.artifacts.registry import open_artifact_store

            self._store = open_artifact_store(self._address or "")
        return self._store


def _note(digest: str) -> tuple[str, bytes]:
    """Return the note about a value, with the note's own digest."""
    data = f"kitaru artifact 1 {digest}".encode()
    return sha256(data).hexdigest(), data
