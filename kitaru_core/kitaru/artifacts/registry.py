"""Which artifact stores there are, by the scheme of their address."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from kitaru import hooks
from kitaru.artifacts.local import LocalArtifactStore
from kitaru.errors import KitaruUsageError

if TYPE_CHECKING:
    from kitaru.artifacts.api import ArtifactStore

__all__ = ["Opener", "open_artifact_store", "open_folder"]

Opener = Callable[[str], "ArtifactStore"]

_FILE: Final = "file://"


def open_artifact_store(address: str) -> ArtifactStore:
    """Open the store at an address.

    Args:
        address: `file:///folder`, or an address whose scheme a plugin serves.

    Raises:
        KitaruUsageError: It is no address, or no plugin serves its scheme.
        KitaruPluginError: The scheme is not `file`, and a plugin is broken.
    """
    if address.startswith(_FILE):
        return open_folder(address)
    scheme, separator, _ = address.partition("://")
    drivers = hooks.get_manager().artifact_stores()
    if not separator or scheme not in drivers:
        known = ", ".join(f"{one}://" for one in sorted({"file", *drivers}))
        msg = (
            f"No installed plugin offers an artifact store for {scheme!r} addresses; there are: {known}. Install the "
            "plugin or correct KITARU_ARTIFACT_STORE."
        )
        raise KitaruUsageError(msg)
    return cast("Opener", drivers[scheme].load())(address)


def open_folder(address: str) -> ArtifactStore:
    """Open a folder of this machine as a store.

    Args:
        address: `file://` and the absolute path of the folder.

    Raises:
        KitaruUsageError: The path is not absolute.
    """
    path = address.removeprefix(_FILE)
    if not path.startswith("/"):
        msg = f"{address!r} names no folder; write the whole path, as in file:///var/lib/kitaru."
        raise KitaruUsageError(msg)
    return LocalArtifactStore(path)
