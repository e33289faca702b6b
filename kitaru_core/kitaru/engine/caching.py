"""Values shared between executions: `cache=True`.

An entry is found by the code of the body and the digest of its inputs. It never answers a call of the execution that
wrote it, nor one that a replay runs again, nor one that must not happen twice. What it gives is written into the
journal like a value that was computed, together with where it came from; from then on the journal alone is asked.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import msgspec

from kitaru import hooks
from kitaru.artifacts.codecs import digest as fingerprint
from kitaru.engine import payloads
from kitaru.errors import KitaruDecodingError, KitaruFeatureNotAvailableError, KitaruNotFoundError, KitaruUsageError
from kitaru.records.plain import JsonObject
from kitaru.settings.paths import config_directory

if TYPE_CHECKING:
    from kitaru.engine.run import Run
    from kitaru.engine.unit import Unit
    from kitaru.hooks.cards import ResultCache

__all__ = ["CachedValue", "bound_values", "cache_key", "close_caches", "look_up", "remember"]

T = TypeVar("T")

_log = logging.getLogger("kitaru")
_lock = threading.Lock()
_open: dict[str, ResultCache] = {}


class CachedValue(msgspec.Struct, frozen=True):
    """A value in the result cache.

    Attributes:
        codec: The codec that wrote it.
        data: Its bytes.
        execution_id: The execution that computed it.
        call_id: The call that computed it.
        carried: What an adapter gives back with it.
        usage: What computing it used.
    """

    codec: str
    data: bytes
    execution_id: str
    call_id: str
    carried: msgspec.Raw | None = None
    usage: list[JsonObject] = []


def cache_key(run: Run, unit: Unit, digest: str | None) -> str | None:
    """Return the key of a call in the result cache, or `None` when it takes no part.

    Args:
        run: The execution.
        unit: The boundary.
        digest: Digest of its inputs.
    """
    if not _wanted(run, unit) or run.is_replay or unit.effect == "irreversible":
        return None
    if unit.cache_key is not None:
        return sha256(f"given\n{unit.cache_key}".encode()).hexdigest()
    # What a plugin adds to the digest must not hide that the inputs themselves cannot be told apart.
    inputs = fingerprint(dict(unit.inputs))
    if inputs is None:
        return None
    if unit.history:
        return None  # the digest of the inputs does not cover the conversation; only the adapter's own key can
    code = unit.code() if unit.code is not None else None
    return None if code is None else sha256(f"computed\n{code}\n{inputs}\n{digest}".encode()).hexdigest()


def _wanted(run: Run, unit: Unit) -> bool:
    """Tell whether the strongest layer that says something switches the cache on; only `run()` outdoes a checkpoint."""
    everywhere = run.facts.settings.get("cache")
    if unit.cache is None or run.facts.settings.get("cache_source") == "invocation":
        return bool(everywhere)
    return unit.cache


def bound_values(function: Callable[..., object]) -> str | None:
    """Return the digest of what a function closes over and has as defaults; two functions of one text differ in it.

    Args:
        function: The function.

    Returns:
        The digest, or `None` when a value cannot be encoded.
    """
    try:
        around = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    except ValueError:
        return None
    defaults = [list(getattr(function, "__defaults__", None) or ()), getattr(function, "__kwdefaults__", None) or {}]
    return fingerprint([around, defaults])


def look_up(run: Run, unit: Unit, key: str) -> tuple[CachedValue, object] | None:
    """Return what the cache holds under a key, and the value; `None` when there is nothing that can be used.

    Raises:
        KitaruFeatureNotAvailableError: No cache is installed.
    """
    cache = _cache(run)
    data = None if cache is None else _tolerant("read", lambda: cache.get(key))
    if data is None:
        return None
    try:
        found = msgspec.msgpack.decode(data, type=CachedValue)
        value = payloads.decode_stored(payloads.place(_encoded(found)).ref, found.data, unit.codec)
        # What was deleted from the journal does not come back from here.
        run.journal.execution(found.execution_id)
    except KitaruNotFoundError:
        return None
    except (msgspec.MsgspecError, KitaruDecodingError) as error:
        _log.warning("An entry of the result cache cannot be used and is left aside: %s", error)
        return None
    return None if found.execution_id == run.execution_id else (found, value)


def remember(run: Run, key: str, value: CachedValue) -> None:
    """Keep a value whose record is durable."""
    cache = _cache(run)
    if cache is not None:
        _tolerant("written to", lambda: cache.put(key, msgspec.msgpack.encode(value)))


def close_caches() -> None:
    """Close every open cache."""
    with _lock:
        caches = list(_open.values())
        _open.clear()
    for cache in caches:
        cache.close()


atexit.register(close_caches)


def _encoded(found: CachedValue) -> payloads.Encoded:
    return payloads.Encoded(found.codec, found.data)


def _tolerant(what: str, work: Callable[[], T]) -> T | None:
    """Return what a plugin's cache gives; its troubles are logged, and cost no more than the work it would save.

    Raises:
        KitaruUsageError: The cache cannot be used as it is set up.
        KitaruFeatureNotAvailableError: Something that it needs is not installed.
    """
    try:
        return work()
    except (KitaruUsageError, KitaruFeatureNotAvailableError):
        raise
    except Exception:  # noqa: BLE001 - a plugin may raise anything
        _log.warning("The result cache could not be %s, and the call goes on without it.", what, exc_info=True)
        return None


def _cache(run: Run) -> ResultCache | None:
    """Return the first cache that a plugin offers, in the order of their names, open in a folder of the journal's."""
    drivers = hooks.get_manager().result_caches()
    if not drivers:
        msg = "cache=True needs a result cache, and no plugin offers one. Run: pip install 'kitaru-core[cache]'"
        raise KitaruFeatureNotAvailableError(msg)
    name = min(drivers)
    # Each journal has its own: an entry names the execution it came from, which only that journal holds.
    folder = config_directory() / "results" / name / sha256(run.journal.url.encode()).hexdigest()[:16]
    with _lock:
        found = _open.get(str(folder))
        if found is None:
            found = _tolerant("opened", lambda: drivers[name].load()(folder))
            if found is not None:
                _open[str(folder)] = found
        return found
