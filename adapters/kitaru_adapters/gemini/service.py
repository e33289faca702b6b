"""The client of the SDK: finding it, building one that never repeats a create, and saying what it talks to."""

from __future__ import annotations

import inspect
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kitaru.errors import KitaruFeatureNotAvailableError, KitaruUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kitaru_adapters.gemini.values import Foreign

__all__ = ["Service", "client_facts", "default_client", "open_service", "sdk_major", "sdk_version"]

_EXPECTED = "a client class with interactions.create and interactions.get, and types for function calls and results"
_FIRST_MAJOR_COUNTING_ATTEMPTS = 3


@dataclass(frozen=True)
class Service:
    """One interactions resource, ready for one attempt.

    Attributes:
        resource: The SDK's resource object.
        asynchronous: Whether its methods are coroutines.
        can_switch_continuation: Whether the SDK's own continuation loop can be switched off per call.
        close: Lets go of the client, or does nothing when the caller owns it.
    """

    resource: Foreign
    asynchronous: bool
    can_switch_continuation: bool
    close: Callable[[], Foreign]


def sdk_version() -> str:
    """Return the version of google-genai.

    Raises:
        KitaruFeatureNotAvailableError: It is not installed, or too old to know interactions.
    """
    try:
        # Not `from google import ...`: other Google packages share that namespace, so its absence would look different.
        genai = import_module("google.genai")
        interactions = import_module("google.genai.interactions")
    except ModuleNotFoundError as error:
        if error.name not in {"google", "google.genai", "google.genai.interactions"}:
            raise
        msg = (
            f"Gemini Interactions needs google-genai with {_EXPECTED}; {error.name!r} is not installed here. Install "
            "kitaru with its extra 'gemini', for example from a checkout: pip install -e '.[gemini]'"
        )
        raise KitaruFeatureNotAvailableError(msg) from error
    if missing := [name for name in ("FunctionCallStep", "FunctionResultStep") if not hasattr(interactions, name)]:
        msg = (
            f"google-genai {genai.__version__} lacks {', '.join(missing)}; this adapter expects {_EXPECTED}. Install a "
            "newer release through kitaru's extra 'gemini'."
        )
        raise KitaruFeatureNotAvailableError(msg)
    return str(genai.__version__)


def sdk_major(version: str) -> int:
    """Return the major number of a version of the SDK."""
    with suppress(ValueError):
        return int(version.split(".", maxsplit=1)[0])
    return _FIRST_MAJOR_COUNTING_ATTEMPTS


def default_client() -> Foreign:
    """Build a client from the environment with the SDK's own retries switched off.

    The SDK repeats a create on 408, 409, 429 and server errors without an idempotency key; when the service had already
    accepted the job, each repetition starts another paid one. How to say "once" differs between its major versions.

    Returns:
        The client.
    """
    version = sdk_version()
    from google import genai
    from google.genai.types import HttpOptions, HttpRetryOptions

    once = 1 if sdk_major(version) >= _FIRST_MAJOR_COUNTING_ATTEMPTS else -1
    return genai.Client(http_options=HttpOptions(retry_options=HttpRetryOptions(attempts=once)))


def open_service(
    client: object | None, factory: Callable[[], object] | None, *, prefer_async: bool
) -> tuple[Service, object]:
    """Find or build the client of one attempt.

    Args:
        client: The caller's client, if one was given; it is never closed here.
        factory: Builds a client for this attempt, if one was given.
        prefer_async: Whether the attempt runs on an event loop.

    Returns:
        The resource to call, and the client it belongs to.

    Raises:
        KitaruFeatureNotAvailableError: The client has no interactions resource.
        KitaruUsageError: Only coroutines are offered, and there is no event loop to await them on.
    """
    sdk_version()
    owned = client is None
    found = client if client is not None else (factory() if factory is not None else default_client())
    _silence_continuation_notice()
    resource, holder = _resource(found, prefer_async=prefer_async)
    asynchronous = inspect.iscoroutinefunction(resource.create)
    if asynchronous and not prefer_async:
        msg = (
            "run_sync needs a client with blocking calls, but this one only has coroutines; use `await "
            "runner.run(...)`."
        )
        raise KitaruUsageError(msg)
    can_switch = "automatic_continuation" in inspect.signature(resource.create).parameters
    return Service(resource, asynchronous, can_switch, _closer(found, holder) if owned else _keep_open), found


def _resource(client: Foreign, *, prefer_async: bool) -> tuple[Foreign, Foreign]:
    holders = [getattr(client, "aio", None), client] if prefer_async else [client]
    for holder in holders:
        resource = getattr(holder, "interactions", None)
        if (
            resource is not None
            and callable(getattr(resource, "create", None))
            and callable(getattr(resource, "get", None))
        ):
            return resource, holder
    msg = f"{type(client).__qualname__} cannot hold interactions: expected {_EXPECTED}. Give a google.genai.Client."
    raise KitaruFeatureNotAvailableError(msg)


def _closer(client: Foreign, holder: Foreign) -> Callable[[], Foreign]:
    if holder is not client and callable(getattr(holder, "aclose", None)):
        return holder.aclose  # type: ignore[no-any-return]  # the SDK's own method
    close = getattr(client, "close", None)
    return close if callable(close) else _keep_open


def _keep_open() -> None:
    """A client that the caller passed stays open."""


def _silence_continuation_notice() -> None:
    # The SDK warns when its own loop is off, although the adapter continues the turn itself. Under `-W error` that
    # warning would replace an answer that is already paid for.
    warnings.filterwarnings("ignore", message="Interaction stopped before completion")


def repeats_creates(client: object) -> bool:
    """Tell whether the settings of a caller's client let the SDK repeat a create by itself."""
    configuration = getattr(getattr(client, "interactions", None), "sdk_configuration", None)
    retries = getattr(getattr(configuration, "retry_config", None), "max_retries", None)
    return isinstance(retries, int) and retries > 0


def client_facts(client: object) -> Mapping[str, object]:
    """Return what may be said about a client: its class, kind of API, host, project and location; never credentials."""
    api = getattr(client, "_api_client", None)
    base_url = getattr(getattr(api, "_http_options", None), "base_url", None)
    vertex = bool(getattr(client, "vertexai", False))
    facts = {
        "client_type": f"{type(client).__module__}.{type(client).__qualname__}",
        "api": "vertex" if vertex else "gemini",
        "host": urlsplit(base_url).hostname if isinstance(base_url, str) else None,
        "project": getattr(api, "project", None) if vertex else None,
        "location": getattr(api, "location", None) if vertex else None,
    }
    return {key: value for key, value in facts.items() if value is not None}
