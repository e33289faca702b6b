"""What the rest of kitaru may expect of a codec and of a place for large bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ArtifactStore", "PayloadCodec", "TypeCodec"]


@runtime_checkable
class PayloadCodec(Protocol):
    """Turns values of one kind into bytes and back.

    Reading goes by the recorded name, never by the order in which codecs were registered, so a name once released
    must be able to read its bytes for ever. A new byte format takes a new version in the name.
    """

    @property
    def name(self) -> str:
        """Name and version, such as `acme.tensor/1`."""
        ...

    def encode(self, value: object) -> bytes:
        """Return the bytes that stand for `value`; raise `ValueError` or `TypeError` for one it cannot store."""
        ...

    def decode(self, data: bytes) -> object:
        """Return the value that `encode` turned into `data`, without running anything found in it."""
        ...


@runtime_checkable
class TypeCodec(PayloadCodec, Protocol):
    """A payload codec that also says which classes are its own."""

    def handles(self, kind: type) -> bool:
        """Tell whether values whose class is exactly `kind` are written by this codec."""
        ...


@runtime_checkable
class ArtifactStore(Protocol):
    """Keeps bytes under their SHA-256 digest.

    What `put` has returned for is durable. A reader sees the whole content or none of it.
    """

    def put(self, data: bytes) -> str:
        """Keep `data` durably and return its digest in hexadecimal; keeping the same bytes again changes nothing."""
        ...

    def get(self, digest: str) -> bytes:
        """Return the bytes, verified against `digest`.

        Raises:
            KitaruNotFoundError: Nothing is kept under it.
            KitaruBackendError: What is kept does not match the digest, or cannot be read.
        """
        ...

    def has(self, digest: str) -> bool:
        """Tell whether something is kept under `digest`."""
        ...

    def delete(self, digest: str) -> bool:
        """Remove the content; return whether there was any."""
        ...

    def digests(self) -> Iterator[str]:
        """Yield the digest of everything that is kept, in no particular order."""
        ...
