"""What a secret is, and what a place that keeps secrets must do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn, Protocol, final, overload

import msgspec

from kitaru.errors import KitaruUsageError
from kitaru.settings import values as checks

__all__ = ["Secret", "SecretStore", "SecretSummary", "check_values"]

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@final
class Secret:
    """A secret with its values; it cannot be changed, stored or pickled, and does not show its values.

    Attributes:
        name: Its name.
        id: Its id.
        values: Its values by key.
        private: Whether only its creator may use it, where a server tells people apart.
    """

    __slots__ = ("id", "name", "private", "values")

    name: str
    id: str
    values: Mapping[str, str]
    private: bool

    def __init__(self, *, name: str, id: str, values: Mapping[str, str], private: bool = False) -> None:  # noqa: A002 - the name users know
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "values", MappingProxyType(dict(values)))
        object.__setattr__(self, "private", private)

    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: str) -> str: ...
    def get(self, key: str, default: str | None = None) -> str | None:
        """Return the value under a key.

        Args:
            key: The key.
            default: What to return when there is none.
        """
        return self.values.get(key, default)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        msg = f"A Secret cannot be changed; {name!r} was not set. Write a new version with `kitaru secrets set`."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        msg = f"A Secret cannot be changed; {name!r} was not deleted."
        raise AttributeError(msg)

    def __reduce__(self) -> NoReturn:
        msg = f"The secret {self.name!r} cannot be pickled or copied; hand on its name, and read it where it is needed."
        raise TypeError(msg)

    def __repr__(self) -> str:
        keys = ", ".join(sorted(self.values))
        return f"Secret(name={self.name!r}, id={self.id!r}, keys=[{keys}], private={self.private})"


class SecretSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A secret without its values.

    Attributes:
        name: Its name.
        id: Its id.
        private: Whether only its creator may use it.
        keys: Its keys, sorted.
        has_missing_values: Whether its values cannot be read here, for want of the right key.
    """

    name: str
    id: str
    private: bool = False
    keys: tuple[str, ...] = ()
    has_missing_values: bool = False


class SecretStore(Protocol):
    """A place that keeps secrets. A secret is looked up by its exact name or exact id."""

    def summaries(self) -> list[SecretSummary]:
        """Return all secrets without their values, sorted by name."""

    def read(self, name_or_id: str) -> Secret | None:
        """Return a secret, or `None` when there is none.

        Raises:
            KitaruRuntimeError: It is there and cannot be read.
        """

    def create(self, name: str, values: Mapping[str, str], *, private: bool) -> SecretSummary:
        """Keep a new secret.

        Raises:
            KitaruRuntimeError: There is one of this name, or nothing can be written here.
        """

    def update(self, name_or_id: str, values: Mapping[str, str], *, unset: Iterable[str]) -> SecretSummary:
        """Add and replace values of a secret, and take others out.

        Raises:
            KitaruNotFoundError: There is no such secret.
            KitaruUsageError: No value would be left.
        """

    def delete(self, name_or_id: str) -> SecretSummary:
        """Delete a secret.

        Raises:
            KitaruNotFoundError: There is no such secret.
        """


def check_values(values: object) -> dict[str, str]:
    """Return the values of a secret as texts.

    Args:
        values: Values by key.

    Raises:
        KitaruUsageError: There is none, a key is no environment name or is there twice, or a value is missing, empty or
            no plain value. No value is shown.
    """
    found: dict[str, str] = {}
    for key, value in checks.mapping(values, "The values of a secret").items():
        if not _KEY.fullmatch(key):
            msg = f"{key!r} cannot be a key of a secret; keys look like environment variables: letters, digits and `_`."
            raise KitaruUsageError(msg)
        if key in found:
            msg = f"The key {key!r} is given twice; give each key one value."
            raise KitaruUsageError(msg)
        if not isinstance(value, str | int | float) or not str(value):
            msg = f"The value of {key!r} is empty or no text; give it a value, or leave the key out."
            raise KitaruUsageError(msg)
        found[key] = str(value)
    if not found:
        msg = "A secret needs at least one value, such as {'OPENAI_API_KEY': '...'}."
        raise KitaruUsageError(msg)
    return found
