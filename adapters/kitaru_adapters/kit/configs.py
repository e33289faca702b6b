"""The settings that a caller may give to one kind of boundary, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict, cast, get_args

import msgspec

from kitaru.errors import KitaruUsageError
from kitaru.records.boundary import Effect

if TYPE_CHECKING:
    from kitaru.seam import Unit

__all__ = [
    "CheckpointConfig",
    "CheckpointRuntime",
    "NamedConfigs",
    "check_config",
    "check_named_configs",
    "config_for",
    "with_config",
]

CheckpointRuntime = Literal["inline", "isolated"]


class CheckpointConfig(TypedDict, total=False):
    """Settings of the checkpoints that an adapter opens for one kind of call.

    Attributes:
        cache: Reuse outcomes of other executions when the content is the same; `None` follows the flow.
        runtime: Where the body runs.
        retries: How many more attempts follow a failed one.
        type: Label shown in listings, such as `llm_call`.
        effect: What running the body twice would mean to the world outside.
    """

    cache: bool | None
    runtime: CheckpointRuntime
    retries: int
    type: str
    effect: Effect


NamedConfigs = Mapping[str, CheckpointConfig | Literal[False]]


def check_config(value: object, *, argument: str, isolated: bool = False) -> CheckpointConfig:
    """Return a checked copy of one configuration; `None` gives an empty one.

    Args:
        value: What the caller gave.
        argument: Name of the argument, for the error.
        isolated: Whether this adapter can run the body in a process of its own.

    Returns:
        A new dictionary; the caller's is never changed.

    Raises:
        KitaruUsageError: It is no mapping, has unknown keys, or a value does not fit its key.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        msg = f"{argument}={value!r} is no checkpoint configuration; give a mapping such as {{'retries': 2}}."
        raise KitaruUsageError(msg)
    known = sorted(CheckpointConfig.__annotations__)
    if unknown := sorted(str(key) for key in value if key not in known):
        msg = f"{argument} has unknown keys: {', '.join(unknown)}; known are: {', '.join(known)}."
        raise KitaruUsageError(msg)
    for key, checked in value.items():
        _check_value(key, checked, argument=argument, isolated=isolated)
    return cast("CheckpointConfig", dict(value))


def _check_value(key: str, value: object, *, argument: str, isolated: bool) -> None:
    where = f"{argument}[{key!r}]={value!r}"
    if key == "cache" and not (value is None or isinstance(value, bool)):
        msg = f"{where} must be True, False or None."
        raise KitaruUsageError(msg)
    if key == "retries" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        msg = f"{where} must be a whole number from 0 up."
        raise KitaruUsageError(msg)
    if key == "type" and not (isinstance(value, str) and value.strip()):
        msg = f"{where} must be a label that is not blank."
        raise KitaruUsageError(msg)
    if key == "effect" and value not in get_args(Effect):
        msg = f"{where} must be one of: {', '.join(get_args(Effect))}."
        raise KitaruUsageError(msg)
    if key == "runtime":
        _check_runtime(value, where=where, isolated=isolated)


def _check_runtime(value: object, *, where: str, isolated: bool) -> None:
    if value not in get_args(CheckpointRuntime):
        msg = f"{where} must be one of: {', '.join(get_args(CheckpointRuntime))}."
        raise KitaruUsageError(msg)
    if value == "isolated" and not isolated:
        msg = (
            f"{where} cannot work here: the call belongs to a live run of the framework, which does not cross into "
            "another process. Leave it inline, or run the whole agent in a checkpoint declared isolated."
        )
        raise KitaruUsageError(msg)


def check_named_configs(
    value: object, *, argument: str, isolated: bool = False
) -> dict[str, CheckpointConfig | Literal[False]]:
    """Return a checked copy of configurations by name, where `False` takes a name out of checkpointing.

    Args:
        value: What the caller gave; `None` gives an empty dictionary.
        argument: Name of the argument, for the error.
        isolated: Whether this adapter can run the body in a process of its own.

    Returns:
        A new dictionary of copies.

    Raises:
        KitaruUsageError: It is no mapping by name, or one of its configurations is wrong.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        msg = f"{argument}={value!r} must be a mapping from names to a configuration or False."
        raise KitaruUsageError(msg)
    return {
        name: False if config is False else check_config(config, argument=f"{argument}[{name!r}]", isolated=isolated)
        for name, config in value.items()
    }


def config_for(name: str, default: CheckpointConfig, named: NamedConfigs) -> CheckpointConfig | Literal[False]:
    """Return the configuration of one name: its own entry if there is one (never merged), else the default."""
    return named.get(name, default)


def with_config(unit: Unit, config: CheckpointConfig) -> Unit:
    """Return the unit with the settings of a checked configuration.

    Args:
        unit: The boundary as the adapter describes it.
        config: What the caller set; keys that are absent leave the unit as it is.

    Returns:
        The unit to hand to the seam.
    """
    return msgspec.structs.replace(unit, **config) if config else unit
