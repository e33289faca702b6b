"""Secrets from environment variables, for containers that get theirs from the platform; they can only be read.

The value `OPENAI_API_KEY` of the secret `prod-openai` stands in `KITARU_SECRET__PROD_OPENAI__OPENAI_API_KEY`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

from kitaru.errors import KitaruRuntimeError
from kitaru.secrets.api import Secret, SecretSummary

__all__ = ["EnvironmentSecretStore"]

_PREFIX: Final = "KITARU_SECRET__"


class EnvironmentSecretStore:
    """Reads secrets from the environment.

    Args:
        environ: Where to read; the process environment if none.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ

    def summaries(self) -> list[SecretSummary]:
        """Return all secrets without their values, sorted by name; the names are as the variables spell them."""
        return [
            SecretSummary(name=name, id=_id(name), keys=tuple(sorted(values)))
            for name, values in sorted(self._found().items())
        ]

    def read(self, name_or_id: str) -> Secret | None:
        """Return a secret, or `None` when there is none.

        Args:
            name_or_id: Its name or id.
        """
        name = _spelled(name_or_id.removeprefix("environment:"))
        values = self._found().get(name)
        return None if values is None else Secret(name=name_or_id, id=_id(name), values=values)

    def create(self, name: str, values: Mapping[str, str], *, private: bool) -> NoReturn:
        """Refuse.

        Raises:
            KitaruRuntimeError: Always.
        """
        del values, private
        raise _read_only(name)

    def update(self, name_or_id: str, values: Mapping[str, str], *, unset: Iterable[str] = ()) -> NoReturn:
        """Refuse.

        Raises:
            KitaruRuntimeError: Always.
        """
        del values, unset
        raise _read_only(name_or_id)

    def delete(self, name_or_id: str) -> NoReturn:
        """Refuse.

        Raises:
            KitaruRuntimeError: Always.
        """
        raise _read_only(name_or_id)

    def _found(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for variable, value in (os.environ if self._environ is None else self._environ).items():
            name, separator, key = variable.removeprefix(_PREFIX).partition("__")
            if variable.startswith(_PREFIX) and separator and name and key and value:
                found.setdefault(name, {})[key] = value
        return found


def _spelled(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()


def _id(name: str) -> str:
    return f"environment:{name}"


def _read_only(name: str) -> KitaruRuntimeError:
    msg = f"The secret {name!r} comes from environment variables ({_PREFIX}...), so it is changed where they are set."
    return KitaruRuntimeError(msg)
