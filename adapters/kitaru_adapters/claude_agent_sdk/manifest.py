"""The shape of the options of a run: what was set, without secrets, for people and for cache keys."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from claude_agent_sdk import ClaudeAgentOptions
from claude_agent_sdk import __version__ as sdk_version

from kitaru.errors import KitaruUsageError
from kitaru_adapters.kit.redaction import HIDDEN, shown_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kitaru_adapters.claude_agent_sdk.request import ClaudeRunRequest

__all__ = ["cache_key", "options_manifest", "program_version"]

_FILES = frozenset({"mcp_servers", "settings"})
"""Options that may be the text of a whole file of settings."""


def program_version() -> str | None:
    """Return the version of the program bundled with the SDK."""
    try:
        from claude_agent_sdk._cli_version import __cli_version__
    except ImportError:
        return None
    return str(__cli_version__)


def options_manifest(options: ClaudeAgentOptions, request: ClaudeRunRequest, *, redact: bool) -> dict[str, object]:
    """Describe a run: request and options, callables by name, live objects by type.

    Args:
        options: The options of the run.
        request: The request.
        redact: Whether what may be secret is left out. Values of `env` and `headers` always are.
    """
    prompt, shape = request.prompt.encode(), dict(_fields(options, redact=redact))
    return {
        "sdk_version": sdk_version,
        "cli_version": program_version(),
        "mcp_version": version("mcp"),
        "request": {
            "kind": request.kind,
            "prompt_sha256": hashlib.sha256(prompt).hexdigest(),
            "prompt_length": len(request.prompt),
            "resume_session_id": request.resume_session_id,
            "cwd": request.cwd,
            "max_turns": request.max_turns,
            "metadata_keys": sorted(request.metadata),
        },
        "options": shown_settings(shape) if redact else shape,
    }


def cache_key(
    request: ClaudeRunRequest,
    *,
    options: ClaudeAgentOptions | None,
    factory: Callable[..., object] | None,
    identity: str | None,
    runner: str,
    streamed: bool,
) -> str:
    """Return the key under which outcomes of equal runs are shared between executions.

    Args:
        request: The request.
        options: Static options.
        factory: Makes the options; its source takes part.
        identity: What the caller says stands for everything that cannot be looked into.
        runner: Name of the runner.
        streamed: Whether partial messages are published; such runs do not share outcomes with others.

    Raises:
        KitaruUsageError: Something in the options cannot be looked into and no identity was given.
    """
    parts = {
        "sdk": sdk_version,
        "cli": program_version(),
        "runner": runner,
        "request": request.model_dump(mode="json"),
        "streamed": streamed,
        "identity": identity,
        "options": None if options is None else _digestible(options, identity),
        "factory": None if factory is None else _source(factory, identity, "options_factory"),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _fields(options: ClaudeAgentOptions, *, redact: bool) -> Iterator[tuple[str, object]]:
    for item in dataclasses.fields(options):
        value = getattr(options, item.name)
        if value is None or value in ([], {}, False) or item.name == "debug_stderr":
            continue
        if redact and item.name in _FILES and isinstance(value, str):
            yield item.name, f"<{len(value)} characters>"
        else:
            yield item.name, _shape(value, item.name)


def _shape(value: object, name: str) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, dict) and name in {"env", "headers"}:
        return dict.fromkeys(sorted(map(str, value)), HIDDEN)
    if isinstance(value, dict):
        return {str(key): _shape(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shape(item, "") for item in value]
    if isinstance(value, Path):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else _name_of(value)


def _name_of(value: object) -> str:
    if callable(value):
        return f"{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def _digestible(options: ClaudeAgentOptions, identity: str | None) -> dict[str, object]:
    found = {}
    for item in dataclasses.fields(options):
        if item.name not in {"debug_stderr", "stderr"}:
            found[item.name] = _digest(getattr(options, item.name), identity, item.name)
    return found


def _digest(value: object, identity: str | None, where: str) -> object:
    if value is None or isinstance(value, (bool, int, float, str, Path)):
        return hashlib.sha256(str(value).encode()).hexdigest() if where.startswith("env") else value
    if isinstance(value, dict):
        return {str(key): _digest(item, identity, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_digest(item, identity, where) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _digest(getattr(value, f.name), identity, where) for f in dataclasses.fields(value)}
    return _source(value, identity, where)


def _source(value: object, identity: str | None, where: str) -> str:
    try:
        text = inspect.getsource(cast("Callable[..., object]", value))
    except (TypeError, OSError):
        if identity is None:
            msg = (
                f"cache=True needs to know what makes two runs equal, but {where} holds a live object of type "
                f"{type(value).__qualname__} that cannot be looked into. Give cache_identity=, a text that changes "
                "whenever that object behaves differently."
            )
            raise KitaruUsageError(msg) from None
        return f"{type(value).__module__}.{type(value).__qualname__}"
    return hashlib.sha256(text.encode()).hexdigest()
