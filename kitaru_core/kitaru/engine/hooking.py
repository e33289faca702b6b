"""Where the engine meets the hooks; nothing is called where no plugin listens."""

from __future__ import annotations

import logging
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from kitaru import hooks
from kitaru.errors import KitaruPluginError
from kitaru.records.boundary import Boundary
from kitaru.records.plain import JsonObject

if TYPE_CHECKING:
    from kitaru.engine.call import Call
    from kitaru.engine.run import Run
    from kitaru.engine.unit import Unit
    from kitaru.hooks.manager import HookManager

__all__ = ["boundary_hooks", "identified", "plugins_if_sound", "prepare_plugins", "summarised"]

_log = logging.getLogger("kitaru")


def boundary_hooks() -> HookManager | None:
    """Return the hook manager if a plugin attaches to boundaries, else `None`.

    Raises:
        KitaruPluginError: A plugin is broken.
    """
    manager = hooks.get_manager()
    return manager if manager.boundary_hooks_active else None


def prepare_plugins(store: str, *, stack: str | None, strict: bool) -> dict[str, str]:
    """Load the plugins and tell them the configuration; done before a run begins, so that a broken one stops it here.

    Args:
        store: Address of the journal.
        stack: Name of the stack.
        strict: Whether a drift is an error.

    Returns:
        The versions of the foreign plugins that take part, by distribution.

    Raises:
        KitaruPluginError: A plugin is broken, or refuses the configuration; nothing has been recorded.
    """
    manager = hooks.get_manager()
    if not manager.is_configured:
        from kitaru.hooks.facts import RuntimeConfig
        from kitaru.settings.resolve import durability

        config = RuntimeConfig(store=store, durability=durability(), stack=stack, strict_replay=strict)
        manager.configured(config)
    manager.attend()
    return {name: version for name, version in manager.versions().items() if name != "kitaru-core"}


def identified(run: Run, unit: Unit, digest: str | None) -> str | None:
    """Return the digest of a call's inputs with what a plugin adds to tell alike calls apart."""
    plugins = run.hooks
    if plugins is None:
        return digest
    boundary = Boundary(
        execution_id=run.execution_id,
        flow=run.flow,
        name=unit.name,
        invocation_id="",
        call_id="",
        kind=unit.kind,
        type=unit.type,
        adapter=unit.adapter,
        target=unit.runtime or "inline",
        is_replay=run.is_replay,
        effect=unit.effect,
    )
    identity = plugins.checkpoint_identity(boundary)
    return digest if identity is None else sha256(f"{digest}\n{identity}".encode()).hexdigest()


def summarised(call: Call, value: object) -> JsonObject:
    """Record the usage that a plugin reads out of a value, and return the summary one gives of it."""
    plugins = call.run.hooks
    if plugins is None:
        return {}
    boundary = call.boundary
    summary = plugins.checkpoint_summary(boundary, value)
    usage = plugins.checkpoint_usage(boundary, value)
    if usage is not None:
        call.record_usage(usage.as_record())
    told = {} if summary is None else msgspec.structs.asdict(summary)
    return {name: part for name, part in told.items() if part}


def plugins_if_sound() -> HookManager | None:
    """Return the hook manager for those that only tell plugins something; `None`, with a warning, if one is broken.

    What was committed, such as a person's answer, must not look as if it had failed because nobody can be told.
    """
    try:
        return hooks.get_manager()
    except KitaruPluginError as error:
        _log.warning("Plugins were not told of a record: %s", error)
        return None
