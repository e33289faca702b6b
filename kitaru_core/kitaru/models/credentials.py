"""Finding what a provider needs to know us by: in the environment, else in the secret of the alias."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from kitaru.artifacts.redaction import shared_redactor
from kitaru.errors import KitaruRuntimeError
from kitaru.models.aliases import ResolvedModelSelection
from kitaru.models.api import ModelProviderClient
from kitaru.secrets.registry import get_secret

__all__ = ["Credentials", "find_credentials"]


class Credentials(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        values: The values by environment name; never shown.
        source: Where the credential itself was found; `None` for a provider that needs none.
    """

    values: dict[str, str]
    source: Literal["environment", "secret"] | None

    def __repr__(self) -> str:
        return f"Credentials({', '.join(self.values)}, source={self.source!r})"


def find_credentials(client: ModelProviderClient, selection: ResolvedModelSelection) -> Credentials:
    """Find the credentials of a call. The environment goes first; the secret is read only when it is needed.

    Args:
        client: The provider.
        selection: The model of the call.

    Returns:
        What was found.

    Raises:
        KitaruRuntimeError: The provider needs a credential and none was found.
        KitaruNotFoundError: There is no secret of the alias's name.
    """
    found = _values(client.credentials, _variable)
    options = _values(client.options, _variable)
    source: Literal["environment", "secret"] | None = "environment" if found else None
    if not found and selection.secret is not None:
        kept = get_secret(selection.secret).values.get
        found = _values(client.credentials, kept)
        options = _values(client.options, kept) | options
        source = "secret" if found else None
    if not found and client.credentials:
        raise _missing(client, selection)
    chosen = dict(list(found.items())[:1])  # the names are alternatives, the first one that is set counts
    shared_redactor().add(*chosen.values())
    return Credentials(options | chosen, source)


def _variable(name: str) -> str | None:
    return os.environ.get(name)


def _values(names: Iterable[str], read: Callable[[str], str | None]) -> dict[str, str]:
    return {name: value for name in names if (value := (read(name) or "").strip())}


def _missing(client: ModelProviderClient, selection: ResolvedModelSelection) -> KitaruRuntimeError:
    names = " or ".join(client.credentials)
    if selection.secret is not None:
        trouble = f"and the secret {selection.secret!r} of the alias {selection.alias!r} does not hold it either"
    elif selection.alias is not None:
        trouble = f"and the alias {selection.alias!r} has no secret"
    else:
        trouble = "and only an alias can bring a secret along"
    msg = (
        f"{selection.resolved_model!r} cannot be called without credentials; {names} is not set in the environment, "
        f"{trouble}. Set the variable, or name a secret in the alias with: kitaru model register ALIAS --model "
        f"{selection.resolved_model} --secret NAME"
    )
    return KitaruRuntimeError(msg)
