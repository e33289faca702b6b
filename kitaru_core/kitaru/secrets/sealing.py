"""Encrypting the values of a secret: AES-256 in GCM, bound to the secret they belong to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from kitaru.errors import KitaruFeatureNotAvailableError, KitaruRuntimeError
from kitaru.secrets.keys import Key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Label", "Sealed", "seal", "unseal"]

_NONCE: Final = 12


class Label(msgspec.Struct, frozen=True, array_like=True):
    """What encrypted values belong to; put with another label they cannot be decrypted.

    Attributes:
        id: The secret's id.
        version: Number of the change that wrote the values.
        name: The secret's name.
    """

    id: str
    version: int
    name: str


class Sealed(msgspec.Struct, frozen=True):
    """Encrypted values.

    Attributes:
        fingerprint: The key they were encrypted with.
        nonce: Used once.
        data: The ciphertext with its tag.
    """

    fingerprint: str
    nonce: bytes
    data: bytes


def seal(values: Mapping[str, str], label: Label, key: Key) -> Sealed:
    """Encrypt the values of a secret.

    Args:
        values: The values.
        label: What they belong to.
        key: The key.

    Raises:
        KitaruFeatureNotAvailableError: `cryptography` is not installed.
    """
    nonce = os.urandom(_NONCE)
    cipher, _ = _cipher(key)
    data = cipher.encrypt(nonce, msgspec.json.encode(values), msgspec.json.encode(label))
    return Sealed(key.fingerprint, nonce, data)


def unseal(sealed: Sealed, label: Label, keys: Iterable[Key]) -> dict[str, str]:
    """Decrypt the values of a secret.

    Args:
        sealed: The encrypted values.
        label: What they belong to.
        keys: The keys at hand.

    Raises:
        KitaruFeatureNotAvailableError: `cryptography` is not installed.
        KitaruRuntimeError: The key is not at hand, or what is kept was changed.
    """
    key = next((key for key in keys if key.fingerprint == sealed.fingerprint), None)
    if key is None:
        msg = (
            f"The secret {label.name!r} was encrypted with another key ({sealed.fingerprint}) than the ones at hand. "
            "Bring that key back (KITARU_SECRET_KEY or the key file), or write the secret anew."
        )
        raise KitaruRuntimeError(msg)
    cipher, refusal = _cipher(key)
    try:
        plain = cipher.decrypt(sealed.nonce, sealed.data, msgspec.json.encode(label))
    except (refusal, ValueError):
        msg = (
            f"The secret {label.name!r} cannot be decrypted: what is kept of it was changed, or belongs to another "
            "secret. Write it anew."
        )
        raise KitaruRuntimeError(msg) from None
    return msgspec.json.decode(plain, type=dict[str, str])


def _cipher(key: Key) -> tuple[AESGCM, type[Exception]]:
    """Return the cipher, and what it raises for a text that was not made with this key and label."""
    try:
        from cryptography import exceptions
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        msg = (
            "Secrets are kept encrypted, and that needs the package `cryptography`, which is not installed. "
            "Install it with: pip install 'kitaru-core[secrets]'"
        )
        raise KitaruFeatureNotAvailableError(msg) from error
    return AESGCM(key.material), exceptions.InvalidTag
