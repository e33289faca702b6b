"""What the plugin offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from kitaru.errors import KitaruFeatureNotAvailableError
from kitaru.hooks import PluginCard, ResultCache, ResultCacheDriver, hookimpl

__all__ = ["kitaru_plugin_card", "kitaru_result_caches"]


@hookimpl
def kitaru_plugin_card() -> PluginCard:
    """Name the plugin and the range of its library."""
    return PluginCard(name="diskcache_cache", hookspec=1, frameworks={"diskcache": ">=5.6.3,<6"})


@hookimpl
def kitaru_result_caches() -> Sequence[ResultCacheDriver]:
    """Offer the cache."""
    return [ResultCacheDriver(name="diskcache", load=_load)]


def _load() -> Callable[[Path], ResultCache]:
    if find_spec("diskcache") is None:
        msg = "cache=True needs the package diskcache, which is not installed. Run: pip install 'kitaru-core[cache]'"
        raise KitaruFeatureNotAvailableError(msg)
    from kitaru_plugins.diskcache_cache.cache import DiskResultCache

    return DiskResultCache
