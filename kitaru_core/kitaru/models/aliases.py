"""Aliases for models: `fast` instead of `openai/gpt-5-mini`, with the secret that goes with it."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from kitaru.errors import KitaruNotFoundError, KitaruUsageError
from kitaru.records.plain import JsonMapping
from kitaru.secrets.registry import list_secrets
from kitaru.settings import values
from kitaru.settings.model_registry import (
    TRANSPORT_VARIABLE,
    ModelRegistry,
    ModelTarget,
    clean_alias,
    effective_registry,
    local_registry,
)
from kitaru.settings.user_file import update_user_file

__all__ = [
    "ModelAliasEntry",
    "ResolvedModelSelection",
    "find_model_alias",
    "list_model_aliases",
    "register_model_alias",
    "resolve_model_selection",
    "set_default_model_alias",
    "unregister_model_alias",
]

_DEFAULT_VARIABLE: Final = "KITARU_DEFAULT_MODEL"


class ModelAliasEntry(msgspec.Struct, frozen=True):
    """An alias.

    Attributes:
        alias: The alias.
        model: What it stands for, as `provider/model`.
        secret: Name of the secret that holds the credentials.
        is_default: Whether it is used when no model is named.
    """

    alias: str
    model: str
    secret: str | None = None
    is_default: bool = False


class ResolvedModelSelection(msgspec.Struct, frozen=True):
    """The model a call goes to.

    Attributes:
        requested_model: What was asked for, if anything was.
        alias: The alias it was found by, if it was one.
        resolved_model: The model, as `provider/model`.
        secret: Name of the secret that holds the credentials.
    """

    requested_model: str | None
    alias: str | None
    resolved_model: str
    secret: str | None = None


def register_model_alias(alias: str, *, model: str, secret: str | None = None) -> ModelAliasEntry:
    """Remember an alias on this machine; the first one becomes the default, and an existing one is replaced.

    Args:
        alias: Letters, digits, `_` and `-`; capitals count as small letters.
        model: What it stands for, as `provider/model`.
        secret: Name of the secret that holds the credentials; never the credentials themselves.

    Returns:
        The alias.

    Raises:
        KitaruUsageError: The alias or the model cannot be.
        KitaruNotFoundError: There is no such secret.
    """
    cleaned = clean_alias(alias)
    target = ModelTarget(_model(model), None if secret is None else _secret(secret))
    with update_user_file() as content:
        known = local_registry()
        registry = ModelRegistry({**known.aliases, cleaned: target}, known.default or cleaned)
        content["model_registry"] = registry.as_dict()
    return _entry(cleaned, target, registry)


def unregister_model_alias(alias: str) -> ModelAliasEntry:
    """Forget an alias; if it was the default, there is none afterwards, unless a single alias is left.

    Args:
        alias: The alias.

    Returns:
        What it was.

    Raises:
        KitaruNotFoundError: There is no such alias on this machine.
    """
    cleaned = clean_alias(alias)
    with update_user_file() as content:
        known = local_registry()
        target = known.aliases.get(cleaned)
        if target is None:
            raise _missing(cleaned, known)
        left = {name: other for name, other in known.aliases.items() if name != cleaned}
        default = None if known.default == cleaned else known.default
        content["model_registry"] = ModelRegistry(
            left, default or (next(iter(left)) if len(left) == 1 else None)
        ).as_dict()
    return _entry(cleaned, target, known)


def set_default_model_alias(alias: str) -> ModelAliasEntry:
    """Make an alias the default one.

    Args:
        alias: The alias.

    Returns:
        The alias.

    Raises:
        KitaruNotFoundError: There is no such alias on this machine.
    """
    cleaned = clean_alias(alias)
    with update_user_file() as content:
        known = local_registry()
        if cleaned not in known.aliases:
            raise _missing(cleaned, known)
        registry = ModelRegistry(known.aliases, cleaned)
        content["model_registry"] = registry.as_dict()
    return _entry(cleaned, registry.aliases[cleaned], registry)


def list_model_aliases() -> list[ModelAliasEntry]:
    """Return all aliases that hold here, sorted; those that came with the run included.

    Raises:
        KitaruUsageError: The registry of the environment or of the settings file is malformed.
    """
    registry, _ = effective_registry()
    return [_entry(alias, target, registry) for alias, target in sorted(registry.aliases.items())]


def find_model_alias(alias: str) -> ModelAliasEntry:
    """Return an alias that holds here.

    Args:
        alias: The alias.

    Raises:
        KitaruNotFoundError: There is no such alias.
    """
    registry, _ = effective_registry()
    cleaned = clean_alias(alias)
    target = registry.aliases.get(cleaned)
    if target is None:
        raise _missing(cleaned, registry)
    return _entry(cleaned, target, registry)


def resolve_model_selection(model: str | None = None, *, frozen: JsonMapping | None = None) -> ResolvedModelSelection:
    """Find the model of a call: the named one, else `KITARU_DEFAULT_MODEL`, else the default alias, else the only one.

    Args:
        model: An alias, or `provider/model`.
        frozen: The registry stored with the execution, if there is one.

    Returns:
        The model.

    Raises:
        KitaruUsageError: Nothing says which model to use, or the registry is malformed.
    """
    registry, carried = effective_registry(frozen)
    given = values.text(model, "The model") if model is not None else _from_environment()
    wanted = given or registry.default or (next(iter(registry.aliases)) if len(registry.aliases) == 1 else None)
    if wanted is None:
        raise _undecided(registry, carried=carried)
    alias = wanted.casefold()
    target = registry.aliases.get(alias)
    if target is not None:
        return ResolvedModelSelection(given, alias, target.model, target.secret)
    if given is None:
        msg = f"The default model alias {wanted!r} is not registered; register it, or make another one the default."
        raise KitaruUsageError(msg)
    return ResolvedModelSelection(given, None, wanted)


def _from_environment() -> str | None:
    given = os.environ.get(_DEFAULT_VARIABLE)
    return None if given is None else values.text(given, _DEFAULT_VARIABLE)


def _undecided(registry: ModelRegistry, *, carried: bool) -> KitaruUsageError:
    place = f"the registry in {TRANSPORT_VARIABLE}" if carried else "the local registry"
    if registry.aliases:
        known = ", ".join(sorted(registry.aliases))
        trouble = f"{place} has several aliases ({known}) and no default"
    else:
        trouble = f"{place} has no alias"
    msg = (
        f"No model was named, and {trouble}. Name one in llm(model='provider/model'), set {_DEFAULT_VARIABLE}, or run "
        "`kitaru model register`."
    )
    return KitaruUsageError(msg)


def _model(model: object) -> str:
    cleaned = values.text(model, "The model")
    provider, _, name = cleaned.partition("/")
    if not provider.strip() or not name.strip():
        msg = f"The model {cleaned!r} names no provider; write it as provider/model, such as openai/gpt-5-mini."
        raise KitaruUsageError(msg)
    return cleaned


def _secret(secret: object) -> str:
    """Check that a secret exists; its values are not looked at."""
    name = values.text(secret, "The secret")
    if not any(name in (summary.name, summary.id) for summary in list_secrets()):
        msg = f"There is no secret {name!r}. Create it first: kitaru secrets set {name} ..."
        raise KitaruNotFoundError(msg)
    return name


def _entry(alias: str, target: ModelTarget, registry: ModelRegistry) -> ModelAliasEntry:
    is_default = alias == registry.default or (registry.default is None and len(registry.aliases) == 1)
    return ModelAliasEntry(alias, target.model, target.secret, is_default)


def _missing(alias: str, registry: ModelRegistry) -> KitaruNotFoundError:
    known = ", ".join(sorted(registry.aliases)) or "none"
    msg = f"There is no model alias {alias!r} on this machine; the aliases are: {known}."
    return KitaruNotFoundError(msg)
