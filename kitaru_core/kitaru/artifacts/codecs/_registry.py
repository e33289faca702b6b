"""Codecs for types that kitaru does not know: found by class when writing, by recorded name when reading."""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING, Final, cast
from weakref import WeakKeyDictionary

from kitaru import hooks
from kitaru.errors import KitaruPluginError, KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kitaru.artifacts.api import TypeCodec
    from kitaru.hooks.cards import CodecCard

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
    """Return the codec that was registered as `name`, or that a plugin offers under it, if there is one."""
    found = _codecs.get(name)
    if found is None:
        card = _offered().get(name)
        if card is not None:
            register_codec(cast("TypeCodec", card.load()))
            found = _codecs.get(name)
    return found


def codec_for(kind: type) -> TypeCodec | None:
    """Return the codec that claims the class `kind`, the last registered first, or `None`."""
    try:
        return _by_class[kind]
    except KeyError:
        _load_for(kind)
        with _lock:
            found = next((codec for codec in reversed(_codecs.values()) if codec.handles(kind)), None)
            _by_class[kind] = found
        return found


def _load_for(kind: type) -> None:
    """Load the codecs that plugins offer for a class; all versions, as each of them may be needed to read."""
    wanted = f"{kind.__module__}.{kind.__qualname__}"
    for name, card in _offered().items():
        if wanted in card.classes and name not in _codecs:
            register_codec(cast("TypeCodec", card.load()))


def _offered() -> Mapping[str, CodecCard]:
    try:
        return hooks.get_manager().codecs()
    except KitaruPluginError:
        # A run is refused because of it before it is recorded; whoever only looks gets on without plugins.
        return {}
