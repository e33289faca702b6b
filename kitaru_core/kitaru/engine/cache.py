"""Values shared between executions: what `cache=True` means.

A call with an equal key in an execution of the same journal gives its value, and its body does not run. The key is made
of the function's place and code and of its inputs, or given by an adapter. Sharing only saves work: where a key cannot
be made, or the cache fails, the body runs.

Values are never taken within one execution, where each call is a durable call of its own, nor in a replay, which is
there to run things again.
"""

from __future__ import annotations

import atexit
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kitaru.artifacts.codecs import digest
from kitaru.engine import payloads
from kitaru.engine.hooking import identified, result_caches
from kitaru.errors import KitaruFeatureNotAvailableError, KitaruNotFoundError
from kitaru.settings.paths import config_directory

if TYPE_CHECKING:
    from kitaru.engine.boundary import Entry
    from kitaru.engine.run import Run
    from kitaru.engine.unit import Unit
    from kitaru.hooks.cards import ResultCache

__all__ = ["Kept", "code_identity", "forget_caches", "is_on", "keep", "look_up", "offer_call", "offer_unit"]

_log = logging.getLogger("kitaru")
_lock = threading.Lock()
_caches: dict[Path, ResultCache | None] = {}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the cache holds of a call.

    Attributes:
        execution_id: Execution the value comes from.
        call_id: Call it comes from.
        codec: Codec of the value.
        data: The encoded value.
        carried: Extra data of an adapter, as JSON.
        usage: Usage records of the call.
    """

    execution_id: str
    call_id: str
    codec: str
    data: bytes
    carried: bytes = b""
    usage: list[dict[str, Any]] = []


def is_on(run: Run, unit: Unit) -> bool:
    """Say whether a call may share its value.

    `run(cache=)` wins over the checkpoint's own word, and that over everything else.

    Args:
        run: The execution.
        unit: The boundary.
    """
    settings = run.facts.settings
    wanted = settings.get("cache")
    if unit.cache is not None and settings.get("cache_source") != "invocation":
        wanted = unit.cache
    return bool(wanted) and unit.effect != "irreversible"


def offer_unit(entry: Entry) -> None:
    """Give an adapter's call its key, if it may share its value.

    Only a unit that says so itself has a key made of its description; what an execution's settings turn on is shared
    where the adapter has given a key, because nobody else knows what its value depends on.
    """
    unit = entry.unit
    if not is_on(entry.run, unit):
        return
    if unit.cache_key is not None:
        entry.cache_key = _sealed("given", unit.adapter, unit.cache_key, _codec(unit))
    elif unit.cache and entry.digest is not None:
        entry.cache_key = _sealed(
            "unit", unit.adapter, unit.kind, unit.name, entry.digest, _history(unit), _codec(unit)
        )


def offer_call(entry: Entry, code: Callable[[], str | None], inputs: Callable[[], Mapping[str, object]]) -> None:
    """Give the call of a checkpoint that may share its value its key.

    Args:
        entry: The call.
        code: Returns what stands for the function's code.
        inputs: Returns the arguments by name, with their values.
    """
    if entry.recorded is not None and entry.recorded.completed:
        return
    identity, given = code(), digest(dict(inputs()))
    if identity is None or given is None:
        what = "what its function depends on" if identity is None else "an input"
        _log.info("%s is not shared: %s cannot be encoded.", entry.invocation_id, what)
        return
    entry.cache_key = _sealed("call", identity, identified(entry.run, entry.unit, given))


def code_identity(function: Callable[..., Any], version: str | None = None) -> str | None:
    """Return what stands for a function's code in the cache key.

    That is its place and its source text, or `version` instead of the text, and the values it closes over and has as
    defaults. Global names and other functions that it uses are not seen; that is what `version` is for.

    Args:
        function: The function.
        version: The author's own word for the state of the code.

    Returns:
        The identity, or `None` when there is no source or a value cannot be encoded.
    """
    place = f"{_module(function)}:{function.__qualname__}"
    if version is not None:
        return f"{place}\nversion {version}"
    try:
        source = inspect.getsource(function)
        around = [cell.cell_contents for cell in function.__closure__ or ()]
    except (OSError, TypeError, ValueError):
        return None
    bound = digest([around, list(function.__defaults__ or ()), dict(function.__kwdefaults__ or {})])
    return None if bound is None else f"{place}\nsource {sha256(source.encode()).hexdigest()}\nbound {bound}"


def _module(function: Callable[..., Any]) -> str:
    """Name a function's module; scripts are all called `__main__`, so that their file is their name."""
    name = function.__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    return str(Path(file).resolve()) if name == "__main__" and file else name


def look_up(entry: Entry) -> Kept | None:
    """Return the value another execution has kept for a call.

    Args:
        entry: The call; it has a key.
    """
    run, key = entry.run, entry.cache_key
    if key is None or run.is_replay:
        return None
    cache = _cache(run)
    data = None if cache is None else _tolerate(lambda: cache.get(key))
    if cache is None or data is None:
        return None
    try:
        found = _decoder.decode(data)
        if found.execution_id == run.execution_id:
            return None
        # What was deleted from the journal does not come back from here.
        run.journal.execution(found.execution_id)
    except (msgspec.DecodeError, KitaruNotFoundError):
        _tolerate(lambda: cache.discard(key))
        return None
    return found


def keep(entry: Entry, output: payloads.Stored, carried: bytes) -> None:
    """Keep the value of a call that has just been recorded, for other executions.

    Args:
        entry: The call; it has a key.
        output: Its encoded value.
        carried: What its adapter attached, as JSON.
    """
    run, key = entry.run, entry.cache_key
    cache = _cache(run)
    if cache is None or key is None:
        return
    kept = Kept(
        execution_id=run.execution_id,
        call_id=entry.call_id,
        codec=output.ref.codec,
        data=output.inline if output.inline is not None else output.blobs[0][1],
        carried=carried,
        usage=[fact.usage for fact in run.totals.usage if fact.call_id == entry.call_id],
    )
    _tolerate(lambda: cache.put(key, _encoder.encode(kept)))


def forget_caches() -> None:
    """Close every open cache; done by itself when the interpreter exits."""
    with _lock:
        caches = list(_caches.values())
        _caches.clear()
    for cache in caches:
        if cache is not None:
            cache.close()


def _cache(run: Run) -> ResultCache | None:
    """Return the cache of a journal, opened on first use; values are shared only among those who share the journal."""
    folder = config_directory() / "results" / sha256(run.journal.url.encode()).hexdigest()[:16]
    with _lock:
        if folder not in _caches:
            _caches[folder] = _opened(folder)
        return _caches[folder]


def _opened(folder: Path) -> ResultCache | None:
    drivers = result_caches()
    if not drivers:
        _log.warning(
            "cache=True has no effect, because no plugin keeps results here; the calls run instead. "
            "`kitaru plugins list` shows the plugins that are loaded. (Said once.)"
        )
        return None
    driver = next(iter(drivers.values()))
    try:
        return driver.load()(folder)
    except KitaruFeatureNotAvailableError as error:
        _log.warning("cache=True has no effect, and the calls run instead: %s (Said once.)", error)
        return None


def _tolerate(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work gives
    """Return what a cache gives, or `None` when it fails: losing an entry only costs the work it saved."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - a cache is somebody's plugin, and a run does not depend on it
        _log.warning("The result cache failed, and is left aside: %s: %s", type(error).__name__, error)
        return None


def _sealed(*parts: str | None) -> str:
    return sha256(msgspec.json.encode(["kitaru-cache/1", *parts])).hexdigest()


def _codec(unit: Unit) -> str | None:
    return None if unit.codec is None else unit.codec.name


def _history(unit: Unit) -> str | None:
    return None if unit.history is None else payloads.chain_history(unit.history, {})[0].node


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Kept)
atexit.register(forget_caches)
