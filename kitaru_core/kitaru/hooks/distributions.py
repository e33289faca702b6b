"""Names and versions of installed distributions, read without parsing all that they say about themselves.

`importlib.metadata` parses the whole file, and with it the description, which is often a long README; for the dozen
distributions that plugins ask about, that costs more than all else that is done when plugins are loaded.
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import Final

__all__ = ["installed_version", "name_and_version"]

_NAME: Final = re.compile(r"^Name:\s*(\S+)", re.MULTILINE)
_VERSION: Final = re.compile(r"^Version:\s*(\S+)", re.MULTILINE)


def name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    """Return the name and the version of a distribution.

    Args:
        distribution: The distribution.
    """
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    # Fields stand before the first empty line, the description behind it.
    fields = text.partition("\n\n")[0]
    name, version = _NAME.search(fields), _VERSION.search(fields)
    if name is None or version is None:
        return distribution.name, distribution.version
    return name[1], version[1]


def installed_version(distribution: str) -> str | None:
    """Return the installed version of a distribution, without importing it.

    Args:
        distribution: Its name.

    Returns:
        The version, or `None` when it is not installed.
    """
    try:
        return name_and_version(metadata.distribution(distribution))[1]
    except metadata.PackageNotFoundError:
        return None
