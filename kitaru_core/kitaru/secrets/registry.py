"""Reading and writing secrets, wherever they are kept.

They are looked for in the environment first, then in the store: the local one, or one that a plugin offers and
`KITARU_SECRET_STORE` names. Every value that was read or written is known as secret to this process from then on, and
is cut out of its logs, events and errors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

from kitaru.artifacts.redaction import shared_redactor
from kitaru.errors import KitaruNotFoundError, KitaruUsageError
from kitaru.hooks.manager import get_manager
from kitaru.secrets.api import Secret, SecretStore, SecretSummary, check_values
from kitaru.secrets.environment import EnvironmentSecretStore
from kitaru.secrets.local import LocalSecretStore
from kitaru.settings import values as checks
from kitaru.settings.paths import config_directory

__all__ = [
    "create_secret",
    "delete_secret",
    "get_secret",
    "list_secrets",
    "open_local_store",
    "rekey_secrets",
    "secret_environment",
    "secret_store",
    "update_secret",
]

_VARIABLE: Final = "KITARU_SECRET_STORE"


def create_secret(name: str, values: Mapping[str, object], *, private: bool = False) -> SecretSummary:
    """Keep a new secret, encrypted.

    Args:
        name: Its name.
        values: Its values; the keys look like environment variables.
        private: Whether only its creator may use it, where a server tells people apart.

    Returns:
        The secret without its values.

    Raises:
        KitaruUsageError: The name is blank, or a key or value cannot be.
        KitaruRuntimeError: There is a secret of this name.
        KitaruFeatureNotAvailableError: The package for encryption is not installed.
    """
    cleaned = _name(name)
    checked = _known(check_values(values))
    return secret_store().create(cleaned, checked, private=private)


def get_secret(name_or_id: str) -> Secret:
    """Return a secret with its values.

    Args:
        name_or_id: Its exact name or exact id.

    Raises:
        KitaruUsageError: The name is blank.
        KitaruNotFoundError: There is no such secret.
        KitaruRuntimeError: It cannot be decrypted.
    """
    cleaned = _name(name_or_id)
    found = EnvironmentSecretStore().read(cleaned) or secret_store().read(cleaned)
    if found is None:
        raise _missing(cleaned)
    _known(found.values)
    return found


def list_secrets() -> list[SecretSummary]:
    """Return all secrets without their values, sorted by name."""
    found = [*EnvironmentSecretStore().summaries(), *secret_store().summaries()]
    return sorted(found, key=lambda summary: summary.name)


def update_secret(name_or_id: str, values: Mapping[str, object], *, unset: Iterable[str] = ()) -> SecretSummary:
    """Add and replace values of a secret, and take others out; who may use it stays as it is.

    Args:
        name_or_id: Its exact name or exact id.
        values: Values to add or replace.
        unset: Keys to take out.

    Returns:
        The secret without its values.

    Raises:
        KitaruUsageError: A key or value cannot be, or no value would be left.
        KitaruNotFoundError: There is no such secret.
    """
    out = list(unset)
    checked = {} if out and not values else _known(check_values(values))
    return secret_store().update(_name(name_or_id), checked, unset=out)


def delete_secret(name_or_id: str) -> SecretSummary:
    """Delete a secret.

    Args:
        name_or_id: Its exact name or exact id.

    Returns:
        What it was, without its values.

    Raises:
        KitaruUsageError: The name is blank.
        KitaruNotFoundError: There is no such secret.
    """
    return secret_store().delete(_name(name_or_id))


def rekey_secrets() -> int:
    """Encrypt all secrets of this machine with a new key.

    Returns:
        How many there are.

    Raises:
        KitaruUsageError: The key comes from the environment, or the secrets are not kept on this machine.
        KitaruRuntimeError: A secret cannot be decrypted; nothing has changed.
    """
    store = secret_store()
    if not isinstance(store, LocalSecretStore):
        msg = f"The secrets are kept by {_VARIABLE}={os.environ[_VARIABLE]!r}, which looks after its keys itself."
        raise KitaruUsageError(msg)
    return store.rekey()


def secret_environment(names: Iterable[str]) -> dict[str, str]:
    """Return the values of several secrets as environment variables; of two with one key the later counts.

    Args:
        names: Names or ids of the secrets.

    Raises:
        KitaruNotFoundError: One of them does not exist.
        KitaruRuntimeError: One of them cannot be decrypted.
    """
    return {key: value for name in names for key, value in get_secret(name).values.items()}


def secret_store() -> SecretStore:
    """Return the place that keeps secrets: the local one, or the one `KITARU_SECRET_STORE` names.

    Raises:
        KitaruUsageError: No plugin offers the one it names.
    """
    wanted = os.environ.get(_VARIABLE, "").strip()
    if not wanted or wanted == "local":
        return open_local_store()
    offered = get_manager().secret_stores()
    card = offered.get(wanted)
    if card is None:
        known = ", ".join(sorted({"local", *offered}))
        msg = f"{_VARIABLE} names {wanted!r}, which no plugin offers. It can be: {known}."
        raise KitaruUsageError(msg)
    opener = cast("Callable[[], SecretStore]", card.load())
    return opener()


def open_local_store() -> SecretStore:
    """Return the encrypted store in the configuration directory."""
    return LocalSecretStore(config_directory())


def _name(name_or_id: object) -> str:
    return checks.text(name_or_id, "The name of the secret")


def _known(values: Mapping[str, str]) -> Mapping[str, str]:
    shared_redactor().add(*values.values())
    return values


def _missing(name: str) -> KitaruNotFoundError:
    msg = f"There is no secret {name!r}; names and ids must be exact. Create it with `kitaru secrets set {name} ...`."
    return KitaruNotFoundError(msg)
