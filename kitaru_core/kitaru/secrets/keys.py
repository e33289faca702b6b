"""The keys that secrets are encrypted with: from `KITARU_SECRET_KEY`, or from a file only its owner may read.

There may be several, the newest first: the first one encrypts, all of them decrypt. That is how keys are changed
without a moment in which something cannot be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from kitaru.errors import KitaruRuntimeError, KitaruUsageError
from kitaru.settings.private_files import write_private, write_private_once

__all__ = ["Key", "KeyRing"]

_VARIABLE: Final = "KITARU_SECRET_KEY"
_LENGTH: Final = 32


class Key(msgspec.Struct, frozen=True):
    """A key.

    Attributes:
        fingerprint: Tells keys apart and gives nothing of them away.
        material: Its 32 bytes; never shown.
    """

    fingerprint: str
    material: bytes

    def __repr__(self) -> str:
        return f"Key({self.fingerprint!r})"


class KeyRing:
    """The keys of a secret store.

    Args:
        file: The key file; made with the first secret, unless the environment holds the key.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def is_given(self) -> bool:
        """Whether the keys come from the environment, so that they cannot be changed here."""
        return bool(os.environ.get(_VARIABLE, "").strip())

    def keys(self) -> list[Key]:
        """Return the keys, the newest first; none when there is no key yet.

        Raises:
            KitaruUsageError: `KITARU_SECRET_KEY` holds no key.
            KitaruRuntimeError: The key file is open to others, or holds no key.
        """
        if self.is_given:
            return [_parse(text, _VARIABLE) for text in os.environ[_VARIABLE].split(",")]
        try:
            mode = stat.S_IMODE(self._file.stat().st_mode)
            lines = self._file.read_text("ascii", errors="replace").split()
        except FileNotFoundError:
            return []
        except OSError as error:
            msg = f"The key file {self._file} cannot be read ({error}), so no secret can be."
            raise KitaruRuntimeError(msg) from error
        if mode & 0o077:
            msg = f"The key file {self._file} can be read by others (mode {mode:04o}). Close it: chmod 600 {self._file}"
            raise KitaruRuntimeError(msg)
        try:
            return [_parse(line, str(self._file)) for line in lines]
        except KitaruUsageError as error:
            raise KitaruRuntimeError(str(error)) from None

    def current(self) -> Key:
        """Return the key to encrypt with, making the key file when there is none.

        Raises:
            KitaruRuntimeError: The key file cannot be read or written.
        """
        found = self.keys()
        if found:
            return found[0]
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private_once(self._file, _line(os.urandom(_LENGTH)))
        except OSError as error:
            msg = f"No key for secrets can be kept in {self._file}: {error}. Set {_VARIABLE} or KITARU_CONFIG_PATH."
            raise KitaruRuntimeError(msg) from error
        return self.keys()[0]

    def add(self) -> Key:
        """Put a new key in front of the others.

        Raises:
            KitaruUsageError: The keys come from the environment.
        """
        self._refuse_given()
        material = os.urandom(_LENGTH)
        known = b"".join(_line(key.material) for key in self.keys())
        write_private(self._file, _line(material) + known)
        return _key(material)

    def keep_only(self, key: Key) -> None:
        """Forget all keys but one.

        Args:
            key: The one.

        Raises:
            KitaruUsageError: The keys come from the environment.
        """
        self._refuse_given()
        write_private(self._file, _line(key.material))

    def _refuse_given(self) -> None:
        if self.is_given:
            msg = (
                f"The keys come from {_VARIABLE}, so they cannot be changed here. Put a new key in front of it, "
                "separated by a comma; secrets that are written again then use it."
            )
            raise KitaruUsageError(msg)


def _line(material: bytes) -> bytes:
    return base64.urlsafe_b64encode(material) + b"\n"


def _key(material: bytes) -> Key:
    return Key(hashlib.sha256(b"kitaru secret key\0" + material).hexdigest()[:16], material)


def _parse(text: str, where: str) -> Key:
    cleaned = text.strip().replace("-", "+").replace("_", "/")
    try:
        material = base64.b64decode(cleaned + "=" * (-len(cleaned) % 4), validate=True)
    except (binascii.Error, ValueError):
        material = b""
    if len(material) != _LENGTH:
        example = "python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
        msg = f"{where} must hold {_LENGTH} random bytes in base64, and does not. Make a key with: {example}"
        raise KitaruUsageError(msg)
    return _key(material)
