"""Settings of a framework as people may see them: names and limits, but no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, cast
from urllib.parse import urlsplit, urlunsplit

from kitaru.seam import redact

__all__ = ["HIDDEN", "shown_settings"]

HIDDEN: Final = "[redacted]"

_WHOLLY_SECRET: Final = frozenset({"auth", "env", "header", "headers", "key"})


def shown_settings(settings: object) -> object:
    """Return a copy of plain data without the secrets in it.

    Hidden are all texts in headers and environments, texts under names that sound secret, arguments behind such a
    switch, logins and queries of addresses, and every secret that this process knows.

    Args:
        settings: Mappings, lists, texts and other plain values.

    Returns:
        The copy; names and numbers stay.
    """
    return redact(_shown(settings, hidden=False))


def _shown(value: object, *, hidden: bool) -> object:
    if isinstance(value, Mapping):
        return {key: _shown(item, hidden=hidden or str(key).lower() in _WHOLLY_SECRET) for key, item in value.items()}
    if isinstance(value, list):
        behind = zip(value, [None, *value], strict=False)
        return [_shown(_argument(item, before), hidden=hidden) for item, before in behind]
    if not isinstance(value, str):
        return value
    return HIDDEN if hidden else _text(value)


def _argument(item: object, before: object) -> object:
    """Return an item of a list as it may be shown behind the one before it, which may be a switch such as `--token`."""
    if isinstance(item, str) and isinstance(before, str) and before.startswith("-"):
        return cast("dict[str, object]", redact({before: item}))[before]
    return item


def _text(text: str) -> str:
    """Return a text as it may be shown; one that is JSON itself is looked into."""
    if text.lstrip().startswith(("{", "[")):
        with suppress(ValueError):
            return json.dumps(_shown(json.loads(text), hidden=False))
    return _without_login(text)


def _without_login(text: str) -> str:
    """Return an address without user, password, query and fragment; any other text as it is."""
    if not text.startswith(("http://", "https://", "ws://", "wss://")):
        return text
    try:
        address = urlsplit(text)
    except ValueError:
        return HIDDEN
    return urlunsplit((address.scheme, address.netloc.rpartition("@")[2], address.path, "", ""))
