"""Artifact stores that are right in everything but one thing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from judged import doubles

from kitaru.artifacts.local import LocalArtifactStore
from kitaru.errors import KitaruBackendError, KitaruNotFoundError, KitaruUsageError


class Right:
    """A store that passes on everything it is asked."""

    fails = frozenset()

    def __init__(self, address):
        self.root = Path(address)
        self.inner = LocalArtifactStore(address)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def file(self, digest):
        return self.root / digest[:2] / digest[2:]


def wrong(*ids):
    """Mark a double with the ids of the cases it must fail, and no others."""

    def mark(kind):
        kind.fails = frozenset(f"S-{number}" for number in ids)
        return kind

    return mark


@wrong("01", "04", "09", "11", "16")
class IsNeverEmpty(Right):
    def __init__(self, address):
        super().__init__(address)
        self.inner.put(b"the first one is free")


@wrong("02")
class EndsLines(Right):
    def get(self, digest):
        return self.inner.get(digest).replace(b"\r", b"")


@wrong("03")
class ShoutsDigests(Right):
    def put(self, data):
        digest = self.inner.put(data)
        return digest.upper() if data == b"some bytes" else digest


@wrong("04", "11", "15")
class KeepsOnceOnly(Right):
    def put(self, data):
        if self.inner.has(hashlib.sha256(data).hexdigest()):
            raise KitaruBackendError("it is there already")
        return self.inner.put(data)


@wrong("05", "07")
class GivesNothingForMissing(Right):
    def get(self, digest):
        try:
            return self.inner.get(digest)
        except KitaruNotFoundError:
            return b""


@wrong("06")
class HasNothing(Right):
    def has(self, digest):
        self.inner.has(digest)
        return False


@wrong("07", "09")
class DeletesNothing(Right):
    def delete(self, digest):
        return self.inner.has(digest)


@wrong("08")
class BuriesForGood(Right):
    def __init__(self, address):
        super().__init__(address)
        self.buried = set()

    def delete(self, digest):
        self.buried.add(digest)
        return self.inner.delete(digest)

    def put(self, data):
        digest = hashlib.sha256(data).hexdigest()
        return digest if digest in self.buried else self.inner.put(data)


@wrong("09")
class ListsTwice(Right):
    def digests(self):
        found = sorted(self.inner.digests())
        return iter(found + (found if len(found) > 6 else []))


@wrong("10")
class ChecksNoDigest(Right):
    def has(self, digest):
        try:
            return self.inner.has(digest)
        except KitaruUsageError:
            return False


@wrong("12", "13")
class KeepsToItself(Right):
    def __init__(self, address):
        super().__init__(address)
        self.kept = {}

    def put(self, data):
        digest = self.inner.put(data)
        if data == b"seen" or len(data) == 240_000:
            self.inner.delete(digest)
            self.kept[digest] = data
        return digest

    def get(self, digest):
        return self.kept[digest] if digest in self.kept else self.inner.get(digest)


@wrong("13")
class ShowsUnfinishedContents(Right):
    def put(self, data):
        if len(data) == 240_000:
            unfinished = self.file(hashlib.sha256(data + b"to come").hexdigest())
            unfinished.parent.mkdir(mode=0o700, exist_ok=True)
            unfinished.write_bytes(data)
        return self.inner.put(data)


@wrong("14")
class ShowsItsFolder(Right):
    def __init__(self, address):
        super().__init__(address)
        self.root.chmod(0o755)


@wrong("15", "16")
class TrustsTheDisk(Right):
    def get(self, digest):
        try:
            return self.inner.get(digest)
        except KitaruBackendError:
            return self.file(digest).read_bytes() if self.inner.has(digest) else self.inner.get(digest)


@wrong("16")
class FollowsLinks(Right):
    def get(self, digest):
        if self.file(digest).is_symlink():
            return self.file(digest).read_bytes()
        return self.inner.get(digest)


DOUBLES = doubles(globals(), Right)
