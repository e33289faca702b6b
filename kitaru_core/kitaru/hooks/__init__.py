"""Plugins: the marker, the cards and facts that hooks exchange, and the manager that calls them.

A plugin is a module with functions marked by `hookimpl`, named by an entry point of the group `kitaru`. It imports this
package and nothing heavy. Names are loaded on first use, so that `import kitaru` does not pay for plugins.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kitaru.errors import (
        BoundaryRefused,
    )
    from kitaru.hooks.cards import (
        AdapterCard,
        ArtifactStoreDriver,
        Card,
        CodecCard,
        JournalDriver,
        ModelProvider,
        PluginCard,
        ResultCache,
        ResultCacheDriver,
        SecretStoreDriver,
        StackKind,
        TargetDriver,
    )
    from kitaru.hooks.facts import (
        CommandGroup,
        Route,
        RuntimeConfig,
        RuntimeInfo,
        ServerContext,
        Summary,
        Tool,
        Usage,
    )
    from kitaru.hooks.loading import (
        Survey,
        survey,
    )
    from kitaru.hooks.manager import (
        HookManager,
        close_manager,
        get_manager,
    )
    from kitaru.hooks.markers import (
        HOOKSPEC_LEVEL,
        hookimpl,
    )
    from kitaru.hooks.parts import (
        PluginInfo,
    )

__all__ = [
    "HOOKSPEC_LEVEL",
    "AdapterCard",
    "ArtifactStoreDriver",
    "BoundaryRefused",
    "Card",
    "CodecCard",
    "CommandGroup",
    "HookManager",
    "JournalDriver",
    "ModelProvider",
    "PluginCard",
    "PluginInfo",
    "ResultCache",
    "ResultCacheDriver",
    "Route",
    "RuntimeConfig",
    "RuntimeInfo",
    "SecretStoreDriver",
    "ServerContext",
    "StackKind",
    "Summary",
    "Survey",
    "TargetDriver",
    "Tool",
    "Usage",
    "close_manager",
    "get_manager",
    "hookimpl",
    "survey",
]

_HOME: Final = {
    "BoundaryRefused": "kitaru.errors",
    "AdapterCard": "kitaru.hooks.cards",
    "ArtifactStoreDriver": "kitaru.hooks.cards",
    "Card": "kitaru.hooks.cards",
    "CodecCard": "kitaru.hooks.cards",
    "JournalDriver": "kitaru.hooks.cards",
    "ModelProvider": "kitaru.hooks.cards",
    "PluginCard": "kitaru.hooks.cards",
    "ResultCache": "kitaru.hooks.cards",
    "ResultCacheDriver": "kitaru.hooks.cards",
    "SecretStoreDriver": "kitaru.hooks.cards",
    "StackKind": "kitaru.hooks.cards",
    "TargetDriver": "kitaru.hooks.cards",
    "CommandGroup": "kitaru.hooks.facts",
    "Route": "kitaru.hooks.facts",
    "RuntimeConfig": "kitaru.hooks.facts",
    "RuntimeInfo": "kitaru.hooks.facts",
    "ServerContext": "kitaru.hooks.facts",
    "Summary": "kitaru.hooks.facts",
    "Tool": "kitaru.hooks.facts",
    "Usage": "kitaru.hooks.facts",
    "Survey": "kitaru.hooks.loading",
    "close_manager": "kitaru.hooks.manager",
    "get_manager": "kitaru.hooks.manager",
    "survey": "kitaru.hooks.loading",
    "HookManager": "kitaru.hooks.manager",
    "HOOKSPEC_LEVEL": "kitaru.hooks.markers",
    "hookimpl": "kitaru.hooks.markers",
    "PluginInfo": "kitaru.hooks.parts",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    home = _HOME.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return __all__
