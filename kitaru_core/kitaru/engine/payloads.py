"""Values on their way into the journal and back.

Short bytes stand in the record's row, longer ones in the blob table, where equal bytes stand once. What a value becomes
is decided here; `kitaru.artifacts` knows how it is encoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from kitaru.artifacts.codecs import Encoded, decode, digest, encode
from kitaru.artifacts.redaction import redact
from kitaru.errors import KitaruDecodingError, KitaruEncodingError
from kitaru.records.facts import NOTHING
from kitaru.records.payload import PayloadRef

if TYPE_CHECKING:
    from kitaru.artifacts.api import PayloadCodec
    from kitaru.journal.api import Journal

__all__ = [
    "Encoded",
    "Stored",
    "copy_of",
    "decode_stored",
    "describe",
    "load",
    "place",
    "store",
    "to_json",
]

INLINE_BYTES = 16 * 1024
SHARED_BYTES = 1024
SHOWN_BYTES = 16 * 1024

_json = msgspec.json.Encoder()


class Stored(msgspec.Struct):
    """An encoded value and where its bytes go.

    Attributes:
        ref: Names the bytes.
        inline: The bytes, if they go into the record's row.
        blobs: The bytes, if they go into the blob table.
    """

    ref: PayloadRef
    inline: bytes | None = None
    blobs: Sequence[tuple[str, bytes]] = ()


def store(value: object, *, codec: PayloadCodec | None = None, path: str = "output", shared: bool = False) -> Stored:
    """Encode a value and decide where its bytes go.

    Args:
        value: The value.
        codec: An adapter's codec; kitaru's own by default.
        path: How an error names the value.
        shared: Whether the same bytes are likely to be stored again, as a message of a conversation is.

    Raises:
        KitaruEncodingError: The value cannot be stored.
    """
    return place(encoded(value, codec, path), shared=shared)


def encoded(value: object, codec: PayloadCodec | None, path: str) -> Encoded:
    """Encode a value with an adapter's codec or with ours."""
    if codec is None:
        return encode(value, path=path)
    try:
        return Encoded(codec.name, codec.encode(value))
    except KitaruEncodingError:
        raise
    except Exception as error:
        msg = (
            f"{path} cannot be stored: codec {codec.name!r} refused a {type(value).__qualname__} "
            f"({type(error).__name__}: {error}). Return a value the codec knows, or give the boundary another codec."
        )
        raise KitaruEncodingError(msg, path=path, type_name=type(value).__qualname__) from error


def place(value: Encoded, *, shared: bool = False) -> Stored:
    """Decide where encoded bytes go."""
    data = value.data
    address = sha256(data).hexdigest()
    ref = PayloadRef(codec=value.codec, hash=address, size=len(data))
    if len(data) <= (SHARED_BYTES if shared else INLINE_BYTES):
        return Stored(ref, inline=data)
    return Stored(ref, blobs=((address, data),))


def decode_stored(ref: PayloadRef, data: bytes, codec: PayloadCodec | None = None) -> object:
    """Turn stored bytes back into a value.

    Raises:
        KitaruDecodingError: They cannot be turned back; the raw data is attached.
    """
    if codec is None or codec.name != ref.codec:
        return decode(ref.codec, data)
    try:
        return codec.decode(data)
    except KitaruDecodingError:
        raise
    except Exception as error:
        msg = f"A stored value cannot be read back: codec {codec.name!r} failed with {type(error).__name__}: {error}."
        raise KitaruDecodingError(msg, raw=data) from error


def load(journal: Journal, execution_id: str, seq: int, ref: PayloadRef, codec: PayloadCodec | None = None) -> object:
    """Read and decode the value a record names."""
    return decode_stored(ref, journal.payload(execution_id, seq, ref), codec)


def copy_of(value: object, stored: Stored, codec: PayloadCodec | None) -> object:
    """Return the decoded copy of a value that was just stored, so that a first run hands out what a rerun will."""
    if type(value) in _ATOMS and codec is None:
        return value
    data = stored.inline if stored.inline is not None else stored.blobs[0][1]
    return decode_stored(stored.ref, data, codec)


def _is_canonical(inputs: Mapping[str, object]) -> bool:
    """Say whether plain inputs are written in the order in which a digest is taken of them."""
    names = list(inputs)
    return names == sorted(names) and _ATOMS.issuperset(map(type, inputs.values()))


_NUMBERS = frozenset({type(None), bool, int, float})
_ATOMS = _NUMBERS | {str, bytes}


def describe(inputs: Mapping[str, object], identity: object) -> tuple[msgspec.Raw, str | None]:
    """Return inputs as they are kept for people, and the digest by which drift is noticed.

    What is kept is redacted, encoded as far as possible and never too long: a JSON array of a codec's name and the
    value as that codec writes it, or of `none` and a description of what could not be kept.

    Args:
        inputs: The inputs by name.
        identity: What the digest is taken of instead of the inputs.

    Returns:
        The JSON array, and the digest in hexadecimal or `None` when nothing can be encoded.
    """
    if not inputs:
        return NOTHING, None if identity is None else digest(identity)
    plain = dict(inputs)
    # Redaction changes texts and bytes only.
    shown = plain if _NUMBERS.issuperset(map(type, plain.values())) else redact(plain)
    try:
        value = encode(shown, path="inputs")
    except KitaruEncodingError:
        return _described(inputs), digest(plain if identity is None else identity)
    if identity is None and value.codec == "json/1" and shown == plain and _is_canonical(plain):
        # What is shown is, to the byte, what the digest is taken of; encoding it once is enough.
        found: str | None = sha256(b"json/1\0" + value.data).hexdigest()
    else:
        found = digest(plain if identity is None else identity)
    if len(value.data) > SHOWN_BYTES:
        return _described(inputs, size=len(value.data)), found
    return msgspec.Raw(b'["%s",%s]' % (value.codec.encode(), value.data)), found


def plain_inputs(inputs: Mapping[str, object]) -> dict[str, object]:
    """Return inputs that are only to be looked at: redacted, and described where they cannot be stored."""
    shown, _ = describe(inputs, None)
    return msgspec.json.decode(shown)[1] if bytes(shown) else {}


def _described(inputs: Mapping[str, object], size: int | None = None) -> msgspec.Raw:
    facts = {name: {"python_type": type(value).__qualname__} for name, value in inputs.items()}
    return msgspec.Raw(b'["none",%s]' % _json.encode(facts if size is None else {"bytes": size, "fields": facts}))


def to_json(value: object) -> bytes:
    """Encode a JSON-ready value.

    Raises:
        KitaruEncodingError: It is not JSON-ready.
    """
    try:
        return _json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        msg = f"A {type(value).__qualname__} is not JSON-ready: {error}. Pass plain dicts, lists, strings and numbers."
        raise KitaruEncodingError(msg, type_name=type(value).__qualname__) from error
