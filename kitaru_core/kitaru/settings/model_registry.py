"""The aliases of models: remembered here, and carried along with a run in `KITARU_MODEL_REGISTRY`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from kitaru.errors import KitaruUsageError
from kitaru.records.plain import JsonMapping, JsonObject
from kitaru.settings import values
from kitaru.settings.user_file import section, user_file_path

__all__ = [
    "TRANSPORT_VARIABLE",
    "ModelRegistry",
    "ModelTarget",
    "clean_alias",
    "effective_registry",
    "local_registry",
    "registry_from",
    "transported_registry",
]

TRANSPORT_VARIABLE: Final = "KITARU_MODEL_REGISTRY"

_ALIAS: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


class ModelTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an alias stands for.

    Attributes:
        model: The model, as `provider/model`.
        secret: Name of the secret that holds the credentials.
    """

    model: str
    secret: str | None = None


class ModelRegistry(msgspec.Struct, frozen=True, omit_defaults=True):
    """Aliases and which of them is the default.

    Attributes:
        aliases: What each alias stands for.
        default: The alias that is used when no model is named.
    """

    aliases: Mapping[str, ModelTarget] = {}
    default: str | None = None

    def over(self, weaker: ModelRegistry) -> ModelRegistry:
        """Return this registry laid over a weaker one."""
        return ModelRegistry({**weaker.aliases, **self.aliases}, self.default or weaker.default)

    def as_dict(self) -> JsonObject:
        """Return it JSON-ready; it names secrets and holds none."""
        found: JsonObject = msgspec.to_builtins(self)
        return found


def clean_alias(alias: object, where: str = "The alias") -> str:
    """Return an alias in lower case.

    Args:
        alias: The alias.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It has other characters than letters, digits, `_` and `-`, or begins with one of the last two.
    """
    cleaned = values.text(alias, where).casefold()
    if not _ALIAS.fullmatch(cleaned):
        msg = f"{where} {alias!r} must be made of letters, digits, `_` and `-`, and begin with a letter or digit."
        raise KitaruUsageError(msg)
    return cleaned


def local_registry() -> ModelRegistry:
    """Return the aliases remembered on this machine.

    Raises:
        KitaruUsageError: The settings file is malformed.
    """
    return registry_from(section("model_registry"), f"The section 'model_registry' of {user_file_path()}")


def transported_registry() -> ModelRegistry | None:
    """Return the aliases from `KITARU_MODEL_REGISTRY`, or `None` when it is not set.

    Raises:
        KitaruUsageError: It is no JSON of this form.
    """
    given = os.environ.get(TRANSPORT_VARIABLE, "").strip()
    if not given:
        return None
    try:
        found = msgspec.json.decode(given)
    except (msgspec.DecodeError, RecursionError) as error:
        example = '{"aliases": {"fast": {"model": "openai/gpt-5"}}, "default": "fast"}'
        msg = f"{TRANSPORT_VARIABLE} is no valid JSON ({error}); it looks like {example}."
        raise KitaruUsageError(msg) from error
    return registry_from(found, TRANSPORT_VARIABLE)


def effective_registry(frozen: JsonMapping | None = None) -> tuple[ModelRegistry, bool]:
    """Return the aliases that hold: the local ones under those that came with the run.

    Args:
        frozen: The registry stored with the execution; it goes before the environment.

    Returns:
        The registry, and whether one came with the run.

    Raises:
        KitaruUsageError: The registry that came with the run is malformed, or the local one is and there is no other.
    """
    carried = registry_from(frozen, "The model registry of the execution") if frozen else transported_registry()
    try:
        local = local_registry()
    except KitaruUsageError:
        if carried is None:
            raise
        local = ModelRegistry()
    return (local, False) if carried is None else (carried.over(local), True)


def registry_from(found: object, where: str) -> ModelRegistry:
    """Read a registry from plain data.

    Args:
        found: A mapping with `aliases` and `default`.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It has another form.
    """
    table = values.mapping(found, where)
    aliases = {}
    given = table.get("aliases")
    for alias, target in values.mapping({} if given is None else given, f"`aliases` in {where}").items():
        place = f"The alias {alias!r} in {where}"
        fields = {"model": target} if isinstance(target, str) else values.mapping(target, place)
        secret = fields.get("secret")
        aliases[clean_alias(alias, "The alias")] = ModelTarget(
            values.text(fields.get("model"), f"`model` of {place}"),
            None if secret is None else values.text(secret, f"`secret` of {place}"),
        )
    default = table.get("default")
    return ModelRegistry(aliases, None if default is None else clean_alias(default, f"`default` in {where}"))
