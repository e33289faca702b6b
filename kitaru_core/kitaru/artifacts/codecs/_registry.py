"""Codecs for types that kitaru does not know: found by class when writing, by recorded name when reading."""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from kitaru.artifacts.api import TypeCodec

__all__ = ["RESERVED", "codec_for", "codec_named", "register_codec", "unregister_codec"]

RESERVED: Final = frozenset({"none", "bytes/1", "text/1", "json/1", "typed/1"})
_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*/[1-9][0-9]*\Z")

_lock = Lock()
_codecs: dict[str, TypeCodec] = {}
_by_class: WeakKeyDictionary[type, TypeCodec | None] = WeakKeyDictionary()


def register_codec(codec: TypeCodec) -> None:
    """Make a codec known to this process.

    Registering the same object again changes nothing. The newest version of a codec should be registered last: among
    codecs that claim one class, the last one registered writes it, and every one of them goes on reading.

    Args:
        codec: The codec; its name is `word/version`, such as `acme.tensor/1`.

    Raises:
        KitaruUsageError: The name is malformed, reserved, or already another codec's.
    """
    name = codec.name
    if not _NAME.match(name) or name in RESERVED:
        msg = f"A codec cannot be called {name!r}; use a lowercase name and a version, such as 'acme.tensor/1'."
        raise KitaruUsageError(msg)
    with _lock:
        known = _codecs.get(name)
        if known is not None and known is not codec:
            msg = (
                f"Two codecs are called {name!r}: {type(known).__qualname__} and {type(codec).__qualname__}. "
                "Rename one of them; stored values are read by that name."
            )
            raise KitaruUsageError(msg)
        _codecs[name] = codec
        _by_class.clear()


def unregister_codec(name: str) -> None:
    """Forget a codec; values it has written can no longer be read in this process.

    Args:
        name: Its name. An unknown one is ignored.
    """
    with _lock:
        _codecs.pop(name, None)
        _by_class.clear()


def codec_named(name: str) -> TypeCodec | None:
    """Return the codec that was registered as `name`, if one was."""
    return _codecs.get(name)


def codec_for(kind: type) -> TypeCodec | None:
    """Return the codec that claims the class `kind`, the last registered first, or `None`."""
    if not _codecs:
        return None
    try:
        return _by_class[kind]
    except KeyError:
        with _lock:
            found = next((codec for codec in reversed(_codecs.values()) if codec.handles(kind)), None)
            _by_class[kind] = found
        return found
