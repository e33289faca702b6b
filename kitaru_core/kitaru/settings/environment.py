"""Settings from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import msgspec

from kitaru.errors import KitaruUsageError
from kitaru.settings import values
from kitaru.settings.config import KitaruConfig, layer
from kitaru.settings.masking import mask_variables

__all__ = [
    "VARIABLES",
    "captures_logs",
    "environment_config",
    "is_strict",
    "list_active_kitaru_environment_variables",
    "replays_every_step",
    "wait_timeout",
]

VARIABLES: Final = (
    "KITARU_SERVER_URL",
    "KITARU_AUTH_TOKEN",
    "KITARU_PROJECT",
    "KITARU_STACK",
    "KITARU_CACHE",
    "KITARU_RETRIES",
    "KITARU_IMAGE",
    "KITARU_STORE",
    "KITARU_ARTIFACT_STORE",
    "KITARU_DURABILITY",
    "KITARU_RUN_MODE",
    "KITARU_MAX_CONCURRENCY",
    "KITARU_LEASE_TTL",
    "KITARU_LEASE_HEARTBEAT",
    "KITARU_WAIT_TIMEOUT",
    "KITARU_REPLAY_EVERY_STEP",
    "KITARU_STRICT_REPLAY",
    "KITARU_CAPTURE_LOGS",
    "KITARU_DISABLE_INTERACTIVE_INPUT",
    "KITARU_DEFAULT_MODEL",
    "KITARU_MODEL_REGISTRY",
    "KITARU_LLM_ESTIMATED_COSTS",
    "KITARU_LLM_MOCK_RESPONSE",
    "KITARU_LOG_STORE_BACKEND",
    "KITARU_LOG_STORE_ENDPOINT",
    "KITARU_LOG_STORE_API_KEY",
    "KITARU_SECRET_STORE",
    "KITARU_SECRET_KEY",
    "KITARU_CONFIG_PATH",
    "KITARU_UI_DIST_PATH",
    "KITARU_PLUGINS_DISABLED",
    "KITARU_PLUGINS_AUTOLOAD",
    "KITARU_TRACE_HOOKS",
    "KITARU_ANALYTICS_OPT_IN",
    "KITARU_DEFAULT_ANALYTICS_SOURCE",
    "KITARU_DEBUG",
    "KITARU_CRASH_AT",
)
"""Every variable kitaru reads, in the order in which they are listed."""

_FIELDS: Final = {
    "stack": "KITARU_STACK",
    "cache": "KITARU_CACHE",
    "retries": "KITARU_RETRIES",
    "llm_estimated_costs": "KITARU_LLM_ESTIMATED_COSTS",
    "server_url": "KITARU_SERVER_URL",
    "auth_token": "KITARU_AUTH_TOKEN",
    "project": "KITARU_PROJECT",
    "durability": "KITARU_DURABILITY",
    "run_mode": "KITARU_RUN_MODE",
    "max_concurrency": "KITARU_MAX_CONCURRENCY",
}


def environment_config(environ: Mapping[str, str] | None = None) -> KitaruConfig:
    """Return the layer the environment makes up.

    Args:
        environ: Where to read it; the process environment if none.

    Raises:
        KitaruUsageError: A variable has a value that cannot be, or one that no longer exists is set.
    """
    environ = os.environ if environ is None else environ
    if environ.get("KITARU_RUNNER", "").strip():
        msg = "KITARU_RUNNER is no setting any more; name the stack to run on with KITARU_STACK instead."
        raise KitaruUsageError(msg)
    found: dict[str, object] = {
        field: value for field, variable in _FIELDS.items() if (value := environ.get(variable, "").strip())
    }
    if "KITARU_IMAGE" in environ:
        found["image"] = _image(environ["KITARU_IMAGE"])
    return layer(found, lambda field: _FIELDS.get(field, "KITARU_IMAGE"))


def is_strict() -> bool:
    """Whether `KITARU_STRICT_REPLAY` turns drift on a rerun into an error.

    Raises:
        KitaruUsageError: Its value is no truth value.
    """
    value = os.environ.get("KITARU_STRICT_REPLAY", "").strip()
    return bool(value) and values.flag(value, "KITARU_STRICT_REPLAY")


def captures_logs() -> bool:
    """Whether `KITARU_CAPTURE_LOGS` has what flows print and log kept with their executions.

    Raises:
        KitaruUsageError: Its value is no truth value.
    """
    value = os.environ.get("KITARU_CAPTURE_LOGS", "").strip()
    return bool(value) and values.flag(value, "KITARU_CAPTURE_LOGS")


def replays_every_step() -> bool:
    """Whether `KITARU_REPLAY_EVERY_STEP` has a body run again from its top after each boundary, for tests.

    Raises:
        KitaruUsageError: Its value is no truth value.
    """
    value = os.environ.get("KITARU_REPLAY_EVERY_STEP", "").strip()
    return bool(value) and values.flag(value, "KITARU_REPLAY_EVERY_STEP")


def wait_timeout(default: float) -> float:
    """Return for how many seconds a wait is polled before its execution is paused.

    Args:
        default: What holds when `KITARU_WAIT_TIMEOUT` is not set.

    Raises:
        KitaruUsageError: The variable is no number of seconds.
    """
    value = os.environ.get("KITARU_WAIT_TIMEOUT", "").strip()
    return values.seconds(value, "KITARU_WAIT_TIMEOUT") if value else default


def list_active_kitaru_environment_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of kitaru that are set, in a fixed order; of those that look secret nothing is shown.

    Args:
        environ: Where to look; the process environment if none.
    """
    environ = os.environ if environ is None else environ
    return mask_variables({name: environ[name] for name in VARIABLES if environ.get(name)})


def _image(value: str) -> object:
    cleaned = values.text(value, "KITARU_IMAGE")
    if not cleaned.startswith("{"):
        return cleaned
    try:
        return msgspec.json.decode(cleaned)
    except msgspec.DecodeError as error:
        msg = f"KITARU_IMAGE starts like a JSON object and is none: {error}. Correct it, or name a base image."
        raise KitaruUsageError(msg) from error
