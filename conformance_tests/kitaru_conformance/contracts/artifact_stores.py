"""The contract of artifact stores: what `kitaru.artifacts.api.ArtifactStore` promises, case by case."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import ClassVar, cast

import pytest

from kitaru.artifacts.api import ArtifactStore
from kitaru.errors import KitaruBackendError, KitaruNotFoundError, KitaruUsageError
from kitaru.hooks import get_manager
from kitaru_conformance.contract import Contract, must_be_given
from kitaru_conformance.requirements import requirement

__all__ = ["ArtifactStoreContract", "StoreOpener", "open_store"]

StoreOpener = Callable[[str], ArtifactStore]
"""What the card of an artifact store loads: opens the store at an address."""

_WRITER = """
import sys
from kitaru_conformance.contracts.artifact_stores import open_store
store = open_store(sys.argv[1], sys.argv[2] or None)
for number in range(100000):
    print(store.put(b"%06d" % number * 40000), flush=True)
"""


def open_store(address: str, named: str | None) -> ArtifactStore:
    """Open a store.

    Args:
        address: Its address.
        named: `module:function` of an opener that no plugin offers, or `None`.

    Raises:
        KitaruUsageError: No installed plugin offers a store for such addresses.
    """
    if named:
        module, _, name = named.partition(":")
        return cast("StoreOpener", getattr(import_module(module), name))(address)
    scheme = address.partition(":")[0]
    drivers = get_manager().artifact_stores()
    if scheme not in drivers:
        msg = f"No plugin offers an artifact store for {scheme!r} addresses; there are: {', '.join(sorted(drivers))}."
        raise KitaruUsageError(msg)
    return cast("StoreOpener", drivers[scheme].load())(address)


class ArtifactStoreContract(Contract):
    """What every artifact store must do.

    A subclass gives the fixture `address`: the address of an empty store. The store is opened through the driver that
    an installed plugin offers for the address's scheme, or through `opener`.

    Attributes:
        opener: `module:function` of the function that opens an address, for a store that no installed plugin offers.
    """

    prefix: ClassVar[str] = "S"
    known_capabilities: ClassVar[Mapping[str, str]] = {
        "folder": "It keeps each content as a file below a folder of this machine, which is the address.",
        "persistent": "It outlives its process, and other processes open it by the same address.",
    }
    opener: ClassVar[str | None] = None

    @pytest.fixture
    def address(self) -> str:
        """Give the address of an empty store; the author of a store overrides this."""
        must_be_given("address", "the address of an empty store")

    @pytest.fixture
    def store(self, address: str) -> ArtifactStore:
        """Give the empty store, open."""
        return open_store(address, self.opener)

    @requirement("S-01", level="loads")
    def test_an_empty_store_opens(self, store: ArtifactStore) -> None:
        """An address opens, and the store there is empty.

        If this fails: look at the driver's card and its schemes, then at the `address` fixture.
        """
        assert list(store.digests()) == []

    @requirement("S-02")
    @pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) + 1])
    def test_bytes_come_back_as_they_were(self, store: ArtifactStore, size: int) -> None:
        """Bytes of any length come back as they were.

        If this fails: repair S-01 first; look for a step that treats bytes as text or lines.
        """
        data = (bytes(range(256)) * (size // 256 + 1))[:size]
        assert store.get(store.put(data)) == data

    @requirement("S-03")
    def test_the_digest_is_the_content(self, store: ArtifactStore) -> None:
        """Keeping bytes returns their SHA-256 in lower-case hexadecimal.

        If this fails: look at `put`; records name contents by this digest.
        """
        assert store.put(b"some bytes") == sha256(b"some bytes").hexdigest()

    @requirement("S-04")
    def test_the_same_bytes_are_kept_once(self, store: ArtifactStore) -> None:
        """Keeping the same bytes again changes nothing and returns the same digest.

        If this fails: repair S-03 first; what is there already is not an error.
        """
        first, second = store.put(b"again"), store.put(b"again")
        assert first == second
        assert list(store.digests()) == [first]
        assert store.get(first) == b"again"

    @requirement("S-05")
    def test_a_missing_content_is_not_found(self, store: ArtifactStore) -> None:
        """A content that is not there is not found, is not had, and is not deleted.

        If this fails: look for an error of the medium that comes out instead of KitaruNotFoundError.
        """
        store.put(b"another")
        missing = sha256(b"missing").hexdigest()
        with pytest.raises(KitaruNotFoundError):
            store.get(missing)
        assert store.has(missing) is False
        assert store.delete(missing) is False

    @requirement("S-06")
    def test_a_kept_content_is_had(self, store: ArtifactStore) -> None:
        """A content that was kept is had.

        If this fails: repair S-02 first.
        """
        assert store.has(store.put(b"here")) is True

    @requirement("S-07")
    def test_a_deleted_content_is_gone(self, store: ArtifactStore) -> None:
        """A deleted content is gone, and the others stay.

        If this fails: repair S-05 and S-06 first.
        """
        kept, gone = store.put(b"kept"), store.put(b"gone")
        assert store.delete(gone) is True
        assert not store.has(gone)
        with pytest.raises(KitaruNotFoundError):
            store.get(gone)
        assert store.delete(gone) is False
        assert store.get(kept) == b"kept"

    @requirement("S-08")
    def test_a_deleted_content_can_come_back(self, store: ArtifactStore) -> None:
        """A content that was deleted can be kept again.

        If this fails: repair S-07 first; look for a note that it was there once.
        """
        store.delete(store.put(b"phoenix"))
        assert store.get(store.put(b"phoenix")) == b"phoenix"

    @requirement("S-09")
    def test_everything_kept_is_listed(self, store: ArtifactStore) -> None:
        """Everything that is kept is listed once, and nothing else.

        If this fails: repair S-07 first.
        """
        kept = {store.put(b"%d" % number) for number in range(40)}
        gone = {digest for number, digest in enumerate(sorted(kept)) if number % 2}
        for digest in gone:
            store.delete(digest)
        assert sorted(store.digests()) == sorted(kept - gone)

    @requirement("S-10")
    @pytest.mark.parametrize("text", ["", "abc", "../" * 20 + "etc/passwd", "G" * 64, "a" * 63 + "\n", "A" * 64])
    def test_what_is_no_digest_is_refused(self, store: ArtifactStore, text: str) -> None:
        """A text that is no digest is refused with KitaruUsageError, whatever is done with it.

        If this fails: check the text before it becomes part of a path, a key or a query.
        """
        for ask in (store.get, store.has, store.delete):
            with pytest.raises(KitaruUsageError):
                ask(text)

    @requirement("S-11")
    def test_many_threads_keep_the_same_and_different_bytes(self, store: ArtifactStore) -> None:
        """Threads that keep equal and different contents at once lose none and damage none.

        If this fails: repair S-04 first; look for a temporary name that two writers share.
        """
        contents = [b"%d" % (number % 5) * 20_000 for number in range(40)]
        with ThreadPoolExecutor(8) as pool:
            digests = list(pool.map(store.put, contents))
        assert [store.get(digest) for digest in digests] == contents
        assert len(list(store.digests())) == 5

    @requirement("S-12", needs={"persistent"})
    def test_another_opening_sees_what_was_kept(self, store: ArtifactStore, address: str) -> None:
        """A content that was kept is seen by whoever opens the store elsewhere, before or after.

        If this fails: repair S-02 first; look for a cache in the process.
        """
        before = open_store(address, self.opener)
        digest = store.put(b"seen")
        assert before.get(digest) == open_store(address, self.opener).get(digest) == b"seen"

    @requirement("S-13", needs={"persistent"})
    def test_a_killed_writer_leaves_only_whole_contents(self, store: ArtifactStore, address: str) -> None:
        """After a writer was killed with SIGKILL, every content it had acknowledged is there, and all listed are whole.

        If this fails: repair S-12 first; a content appears under its digest when all its bytes are written.
        """
        command = [sys.executable, "-c", _WRITER, address, self.opener or ""]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as child:  # noqa: S603 - our own interpreter
            assert child.stdout is not None
            acknowledged = [child.stdout.readline().strip() for _ in range(5)]
            child.kill()
            acknowledged += child.stdout.read().split("\n")[:-1]
        assert all(acknowledged)
        assert set(acknowledged) <= set(store.digests())
        for digest in store.digests():
            assert sha256(store.get(digest)).hexdigest() == digest

    @requirement("S-14", needs={"folder"})
    def test_nobody_else_can_read_the_files(self, store: ArtifactStore, address: str) -> None:
        """Folders and files are private to their owner.

        If this fails: give the mode when a file or folder is made, not afterwards.
        """
        store.put(b"private")
        made = [Path(address), *Path(address).rglob("*")]
        assert [one.stat().st_mode & 0o077 for one in made] == [0] * len(made)

    @requirement("S-15", needs={"folder"})
    def test_a_damaged_content_is_not_handed_out(self, store: ArtifactStore, address: str) -> None:
        """A content that was altered on the disk is an error, and keeping the bytes again repairs it.

        If this fails: compare what was read with the digest asked for, and what is there before relying on it.
        """
        digest = store.put(b"sound bytes")
        (file,) = [one for one in Path(address).rglob("*") if one.is_file() and one.read_bytes() == b"sound bytes"]
        file.write_bytes(b"sound bytez")
        with pytest.raises(KitaruBackendError):
            store.get(digest)
        store.put(b"sound bytes")
        assert store.get(digest) == b"sound bytes"

    @requirement("S-16", needs={"folder"})
    def test_a_planted_link_is_not_followed(self, store: ArtifactStore, address: str, tmp_path: Path) -> None:
        """A link that somebody planted in place of a content is not followed.

        If this fails: open files in a way that refuses links.
        """
        digest = store.put(b"the secret of another")
        (file,) = [one for one in Path(address).rglob("*") if one.is_file()]
        outside = tmp_path / "outside"
        file.rename(outside)
        file.symlink_to(outside)
        with pytest.raises(KitaruBackendError):
            store.get(digest)
