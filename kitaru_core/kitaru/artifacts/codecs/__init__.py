"""Values to bytes and back: exact, class included, and never by running anything that the bytes contain.

Every stored value carries the name of its format beside its bytes, outside the user's data:

* `none`: there are no bytes, the value is `None`;
* `text/1`, `bytes/1`: one `str` as UTF-8, one `bytes` as it is;
* `json/1`: a tree that JSON gives back exactly;
* `typed/1`: JSON in which every array starts with a tag, for everything else;
* `<name>/<version>`: written by a codec that was registered for the value's class.

A format once released is readable for ever.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from kitaru.artifacts.codecs._errors import Unencodable
from kitaru.artifacts.codecs._json import INT_BOUND, count_plain, encode_json, encode_json_sorted, read_json
from kitaru.artifacts.codecs._registry import codec_for, codec_named, register_codec, unregister_codec
from kitaru.artifacts.codecs._stack import on_fresh_stack
from kitaru.artifacts.limits import current_limits
from kitaru.errors import KitaruDecodingError

if TYPE_CHECKING:
    from kitaru.artifacts.limits import Limits

__all__ = [
    "Encoded",
    "decode",
    "digest",
    "encode",
    "readable",
    "register_codec",
    "roundtrip",
    "unregister_codec",
]


class Encoded(msgspec.Struct, frozen=True):
    """A value as bytes.

    Attributes:
        codec: Name of the format.
        data: The bytes.
    """

    codec: str
    data: bytes


_NONE: Final = Encoded("none", b"")
_IMMUTABLE: Final = frozenset({str, int, float, bool, type(None), bytes})
_MAX_FLOAT: Final = 1.7976931348623157e308


def encode(value: object, *, path: str = "output") -> Encoded:
    """Turn a value into bytes.

    Args:
        value: The value.
        path: What it is called in an error, such as `output` or `inputs["limit"]`.

    Returns:
        The bytes and the name of their format.

    Raises:
        KitaruEncodingError: The value, or one inside it, cannot be stored; `path` says which.
    """
    limits = current_limits()
    try:
        try:
            encoded = _encode(value, limits)
        except RecursionError:
            encoded = on_fresh_stack(lambda: _encode(value, limits))
    except Unencodable as problem:
        raise problem.as_error(path) from problem
    except RecursionError:
        reason = "the value is nested deeper than the interpreter's stack allows here. Flatten it."
        raise Unencodable(reason, type(value)).as_error(path) from None
    if len(encoded.data) > limits.max_bytes:
        reason = (
            f"it takes {len(encoded.data)} bytes, more than the {limits.max_bytes} allowed. "
            "Keep it in a file or object store and return its address, or raise the limit."
        )
        raise Unencodable(reason, type(value)).as_error(path)
    return encoded


def decode(codec: str, data: bytes) -> object:
    """Turn bytes back into the value they stand for.

    Args:
        codec: Name of the format, as recorded.
        data: The bytes.

    Returns:
        The value.

    Raises:
        KitaruDecodingError: The format is unknown here, the bytes are damaged, or a class they name is missing or has
            changed. The data as far as it can be read is on the error.
    """
    try:
        try:
            return read_json(data) if codec == "json/1" else _decode(codec, data)
        except RecursionError:
            return on_fresh_stack(lambda: _decode(codec, data))
    except KitaruDecodingError:
        raise
    except Exception as error:
        raise _decoding_error(codec, data, error) from error


def roundtrip(value: object, *, path: str = "output") -> tuple[Encoded, object]:
    """Turn a value into bytes and hand back the copy that a later reader will get.

    Args:
        value: The value.
        path: What it is called in an error.

    Returns:
        The bytes and the decoded copy. An immutable value of a built-in class is its own copy.

    Raises:
        KitaruEncodingError: The value cannot be stored, or its bytes do not read back.
    """
    encoded = encode(value, path=path)
    if type(value) in _IMMUTABLE:
        return encoded, value
    try:
        return encoded, decode(encoded.codec, encoded.data)
    except KitaruDecodingError as error:
        reason = f"it was written, but does not read back: {error}"
        raise Unencodable(reason, type(value)).as_error(path) from error


def digest(value: object) -> str | None:
    """Fingerprint a value, to see later whether another one is the same.

    The order of dictionaries and sets, the traceback of an exception and whether a class came from the script or from
    the module of that name make no difference; everything else does, the class included.

    Args:
        value: The value.

    Returns:
        SHA-256 in hexadecimal, or `None` when the value cannot be encoded.
    """
    try:
        try:
            encoded = _encode(value, current_limits(), canonical=True)
        except RecursionError:
            encoded = on_fresh_stack(lambda: _encode(value, current_limits(), canonical=True))
    except (Unencodable, RecursionError):
        return None
    return hashlib.sha256(encoded.codec.encode() + b"\0" + encoded.data).hexdigest()


def readable(codec: str, data: bytes) -> object:
    """Return stored data for people and for JSON, without needing any of the classes it names.

    Args:
        codec: Name of the format, as recorded.
        data: The bytes.

    Returns:
        JSON-ready data: models and the like as objects of their fields, dates as text, bytes as base64.

    Raises:
        KitaruDecodingError: The bytes are damaged.
    """
    from kitaru.artifacts.codecs._readable import readable_data

    try:
        return readable_data(codec, data)
    except Exception as error:
        msg = f"Cannot read {len(data)} bytes of the format {codec!r}: {error}. The stored bytes are damaged."
        raise KitaruDecodingError(msg) from error


def _encode(value: object, limits: Limits, *, canonical: bool = False) -> Encoded:
    kind = type(value)
    dump = encode_json_sorted if canonical else encode_json
    try:
        if kind is str:
            return Encoded("text/1", value.encode())  # type: ignore[attr-defined] # exactly a str
        if kind is dict or kind is list:
            if count_plain(value, limits.max_depth, limits.max_items) > 0:  # type: ignore[arg-type] # exactly these
                return Encoded("json/1", dump(value))
        elif value is None:
            return _NONE
        elif _is_json_number(value, kind):
            return Encoded("json/1", dump(value))
        elif kind is bytes:
            return Encoded("bytes/1", value)  # type: ignore[arg-type] # exactly bytes
    except UnicodeEncodeError:
        pass  # a lone surrogate: only the typed format holds it
    return _encode_typed(value, limits, canonical=canonical)


def _is_json_number(value: object, kind: type) -> bool:
    if kind is int:
        return -INT_BOUND <= value <= INT_BOUND  # type: ignore[operator] # exactly an int
    if kind is float:
        return -_MAX_FLOAT <= value <= _MAX_FLOAT  # type: ignore[operator] # exactly a float; False for nan
    return kind is bool


def _encode_typed(value: object, limits: Limits, *, canonical: bool) -> Encoded:
    from kitaru.artifacts.codecs._writer import write_foreign, write_typed

    codec = codec_for(type(value))
    if codec is not None:
        return Encoded(codec.name, write_foreign(codec, value))
    return Encoded("typed/1", write_typed(value, limits, canonical=canonical))


def _decode(codec: str, data: bytes) -> object:
    if codec == "text/1":
        return data.decode()
    if codec == "json/1":
        return read_json(data)
    if codec == "none":
        return None
    if codec == "bytes/1":
        return data
    if codec == "typed/1":
        from kitaru.artifacts.codecs._reader import read_typed

        return read_typed(data)
    foreign = codec_named(codec)
    if foreign is None:
        msg = f"no codec named {codec!r} is registered; install or enable the plugin that brings it"
        raise LookupError(msg)
    return foreign.decode(data)


def _decoding_error(codec: str, data: bytes, error: Exception) -> KitaruDecodingError:
    from kitaru.artifacts.codecs._classes import ClassNotFoundError

    try:
        raw = readable(codec, data)
    except KitaruDecodingError:
        raw = data
    if isinstance(error, ClassNotFoundError):
        msg = (
            f"Cannot read a stored value: its class {error.recorded} is not among the loaded modules. Import the "
            "module that defines it, or restore the class where it was; the data itself is on this error as `raw`."
        )
        return KitaruDecodingError(msg, type_name=error.recorded, raw=raw)
    msg = f"Cannot read {len(data)} bytes of the format {codec!r}: {error}. The stored bytes are untouched."
    return KitaruDecodingError(msg, raw=raw)
