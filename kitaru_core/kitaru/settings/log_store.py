"""Where runtime logs are to go besides the artifact store."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from kitaru.artifacts.redaction import shared_redactor
from kitaru.errors import KitaruUsageError
from kitaru.settings import values
from kitaru.settings.user_file import section, update_user_file, user_file_path

__all__ = [
    "ResolvedLogStore",
    "active_stack_log_store",
    "idle_log_store",
    "reset_global_log_store",
    "resolve_log_store",
    "set_global_log_store",
]

_DEFAULT: Final = "artifact-store"
_BACKEND: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_VARIABLES: Final = {
    "backend": "KITARU_LOG_STORE_BACKEND",
    "endpoint": "KITARU_LOG_STORE_ENDPOINT",
    "api_key": "KITARU_LOG_STORE_API_KEY",
}


class ResolvedLogStore(msgspec.Struct, frozen=True, kw_only=True):
    """The log store that holds.

    Attributes:
        backend: Name of the backend; `artifact-store` by default.
        endpoint: Address the logs are sent to.
        api_key: Key for that address; never shown.
        source: Where this was set: `default`, `environment` or `global user config`.
    """

    backend: str
    endpoint: str | None = None
    api_key: str | None = None
    source: Literal["default", "environment", "global user config"] = "default"

    def __repr__(self) -> str:
        key = None if self.api_key is None else "[hidden]"
        return f"ResolvedLogStore({self.backend!r}, endpoint={self.endpoint!r}, api_key={key}, source={self.source!r})"


def set_global_log_store(backend: str, *, endpoint: str, api_key: str | None = None) -> ResolvedLogStore:
    """Remember where runtime logs are to go.

    Args:
        backend: Name of the backend.
        endpoint: Address to send them to.
        api_key: Key for it; kept in a file only its owner may read.

    Returns:
        The log store that holds now, which is another one while the environment names one.

    Raises:
        KitaruUsageError: A value is wrong, or the backend is `artifact-store`, which cannot be set.
    """
    name = _backend(backend, "The backend of the log store")
    if name == _DEFAULT:
        msg = f"The log store cannot be set to {_DEFAULT!r}; that is what holds after reset_global_log_store()."
        raise KitaruUsageError(msg)
    found = _custom(name, {"endpoint": endpoint, "api_key": api_key}, "endpoint", "api_key")
    with update_user_file() as content:
        content["log_store"] = found
    return resolve_log_store()


def reset_global_log_store() -> ResolvedLogStore:
    """Forget what `set_global_log_store` remembered.

    Returns:
        The log store that holds now.
    """
    if section("log_store"):
        with update_user_file() as content:
            content.pop("log_store", None)
    return resolve_log_store()


def resolve_log_store() -> ResolvedLogStore:
    """Return the log store that holds: from the environment, else as it was remembered, else the default.

    Raises:
        KitaruUsageError: What the environment or the settings file says is incomplete or contradicts itself.
    """
    given = {field: value for field, name in _VARIABLES.items() if (value := os.environ.get(name, "").strip())}
    if given:
        return _from_environment(given)
    kept = section("log_store")
    if not kept:
        return active_stack_log_store()
    place = f"`log_store` in {user_file_path()}"
    name = _backend(kept.get("backend"), f"`backend` of {place}")
    return _resolved(name, _custom(name, kept, f"`endpoint` of {place}", f"`api_key` of {place}"), "global user config")


def active_stack_log_store() -> ResolvedLogStore:
    """Return the log store of the active stack: its artifact store, where logs are always kept."""
    return ResolvedLogStore(backend=_DEFAULT)


def idle_log_store(found: ResolvedLogStore) -> str | None:
    """Return a warning where a log store is set that nothing in this installation sends logs to.

    Args:
        found: The log store that holds.
    """
    kept = active_stack_log_store()
    if found.backend == kept.backend:
        return None
    return f"Logs are kept in the {kept.backend}; nothing sends them to {found.backend!r} in this installation."


def _from_environment(given: Mapping[str, str]) -> ResolvedLogStore:
    backend, endpoint, key = _VARIABLES.values()
    if "backend" not in given:
        msg = f"{' and '.join(_VARIABLES[field] for field in given)} says nothing without {backend}; set that as well."
        raise KitaruUsageError(msg)
    name = _backend(given["backend"], backend)
    if name == _DEFAULT:
        if len(given) > 1:
            msg = f"{backend}={_DEFAULT} takes no address and no key; unset {endpoint} and {key}."
            raise KitaruUsageError(msg)
        return ResolvedLogStore(backend=name, source="environment")
    return _resolved(name, _custom(name, given, endpoint, key), "environment")


def _custom(name: str, fields: Mapping[str, object], endpoint: str, key: str) -> dict[str, str]:
    if fields.get("endpoint") is None:
        msg = f"The log store {name!r} needs an address; give it as {endpoint}."
        raise KitaruUsageError(msg)
    found = {"backend": name, "endpoint": values.server_address(fields["endpoint"], endpoint)}
    if fields.get("api_key") is not None:
        found["api_key"] = values.text(fields["api_key"], key)
        shared_redactor().add(found["api_key"])
    return found


def _resolved(
    name: str, fields: Mapping[str, str], source: Literal["environment", "global user config"]
) -> ResolvedLogStore:
    return ResolvedLogStore(backend=name, endpoint=fields["endpoint"], api_key=fields.get("api_key"), source=source)


def _backend(value: object, where: str) -> str:
    cleaned = values.text(value, where).lower()
    if not _BACKEND.fullmatch(cleaned):
        msg = f"{where} {value!r} must be made of letters, digits, `.`, `_` and `-`, and begin with a letter or digit."
        raise KitaruUsageError(msg)
    return cleaned
