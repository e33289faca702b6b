"""Finding what a provider needs to know us by: in the environment, else in the secret of the alias."""

from __future__ import annotations

import os
from typing import Literal

import msgspec

from kitaru.artifacts.redaction import shared_redactor
from kitaru.errors import KitaruRuntimeError
from kitaru.models.aliases import ResolvedModelSelection
from kitaru.models.api import ModelProviderClient
from kitaru.secrets.api import Secret
from kitaru.secrets.registry import get_secret

__all__ = ["Credentials", "find_credentials"]

CredentialSource = Literal["environment", "secret"]


class Credentials(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        values: The values by environment name; never shown.
        source: Where the credential itself was found; `None` for a provider that needs none.
    """

    values: dict[str, str]
    source: CredentialSource | None

    def __repr__(self) -> str:
        return f"Credentials({', '.join(self.values)}, source={self.source!r})"


def find_credentials(client: ModelProviderClient, selection: ResolvedModelSelection) -> Credentials:
    """Find the credentials of a call.

    Args:
        client: The provider.
        selection: The model of the call.

    Returns:
        What was found.

    Raises:
        KitaruRuntimeError: The provider needs a credential and none was found.
        KitaruNotFoundError: There is no secret of the alias's name.
    """
    found = _look(client.credentials, None)
    source: CredentialSource | None = "environment" if found else None
    secret = get_secret(selection.secret) if selection.secret is not None and (client.options or not found) else None
    if not found and client.credentials:
        found = _look(client.credentials, secret)
        source = "secret"
        if not found:
            raise _missing(client, selection)
    shared_redactor().add(*found.values())
    return Credentials({**_every(client.options, secret), **found}, source)


def _look(names: object, secret: Secret | None) -> dict[str, str]:
    """Return the first of the names that has a value."""
    return dict(list(_every(names, secret, environment=secret is None).items())[:1])


def _every(names: object, secret: Secret | None, *, environment: bool = True) -> dict[str, str]:
    found = {}
    for name in names if isinstance(names, tuple | list) else ():
        value = (os.environ.get(name, "").strip() if environment else "") or (secret.get(name, "") if secret else "")
        if value:
            found[name] = value
    return found


def _missing(client: ModelProviderClient, selection: ResolvedModelSelection) -> KitaruRuntimeError:
    names = " or ".join(client.credentials)
    if selection.secret is not None:
        trouble = f"and the secret {selection.secret!r} of the alias {selection.alias!r} holds no {names} either"
    elif selection.alias is not None:
        trouble = f"and the alias {selection.alias!r} has no secret"
    else:
        trouble = "and only an alias can bring a secret along"
    msg = (
        f"{selection.resolved_model!r} cannot be called without credentials: {names} is not set in the environment, "
        f"{trouble}. Set the variable, or register an alias with a secret: kitaru model register ALIAS --model "
        f"{selection.resolved_model} --secret NAME"
    )
    return KitaruRuntimeError(msg)
