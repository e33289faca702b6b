"""Which settings an execution runs with: the strongest layer that says something decides, field by field.

The layers, the strongest first: what `run()` was given; what `@flow` was given; `configure()`; the environment; the
project file; for the stack also the active one; and what holds when nobody says anything.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Final, Literal

import msgspec

from kitaru.records.plain import JsonMapping, JsonObject
from kitaru.settings.config import KitaruConfig, layer
from kitaru.settings.connection import resolve_connection_config
from kitaru.settings.environment import environment_config, is_strict
from kitaru.settings.image import ImageSettings, merge_images
from kitaru.settings.model_registry import effective_registry
from kitaru.settings.project import project_config
from kitaru.settings.runtime import runtime_config
from kitaru.settings.stack_names import active_stack_name, find_stack
from kitaru.settings.user_file import read_user_file
from kitaru.settings.values import Durability, EstimatedCosts, RunMode

__all__ = [
    "ExecutionSettings",
    "LayerName",
    "durability",
    "llm_estimated_costs",
    "max_concurrency",
    "resolve_execution_settings",
]

LayerName = Literal["invocation", "flow", "configure", "environment", "project", "active stack", "default"]

_VERSION: Final = 1

_log = logging.getLogger("kitaru")


class ExecutionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings an execution is started with; they are frozen with it.

    Attributes:
        stack: Name of the stack it runs on.
        image: Image settings, merged over all layers.
        cache: Whether checkpoints may take values from the result cache; `None` when nobody says so.
        retries: How often a failure of the body is retried at once.
        llm_estimated_costs: Whether costs of model calls are estimated: `auto` or `off`.
        run_mode: `thread` or `inline`.
        durability: What a commit survives: `power` or `process`.
        max_concurrency: How many submitted checkpoints run at once; `None` leaves it to the engine.
        strict: Whether drift on a rerun is an error.
        server_url: The server, if the process talks to one.
        project: The project on it.
        model_registry: Snapshot of the aliases for `llm()`; names of secrets, never values.
        sources: The layer each field was set by, of those that were set.
    """

    stack: str = "default"
    image: ImageSettings | None = None
    cache: bool | None = None
    retries: int = 0
    llm_estimated_costs: EstimatedCosts = "auto"
    run_mode: RunMode = "thread"
    durability: Durability = "power"
    max_concurrency: int | None = None
    strict: bool = False
    server_url: str | None = None
    project: str | None = None
    model_registry: JsonMapping = {}
    sources: Mapping[str, LayerName] = {}

    def as_dict(self) -> JsonObject:
        """Return the frozen execution spec, JSON-ready: no token, and no value of a variable that looks secret."""
        spec: JsonObject = {
            "version": _VERSION,
            "stack": self.stack,
            "retries": self.retries,
            "llm_estimated_costs": self.llm_estimated_costs,
        }
        if self.image is not None:
            spec["image"] = self.image.as_dict()
        for field in ("cache", "max_concurrency", "server_url", "project", "model_registry"):
            value = getattr(self, field)
            if value is not None and value != {}:
                spec[field] = value
        if "cache" in spec:
            spec["cache_source"] = self.sources.get("cache", "default")
        return spec


def resolve_execution_settings(
    invocation: Mapping[str, object] | None = None, flow: Mapping[str, object] | None = None
) -> ExecutionSettings:
    """Return the settings of an execution that is about to start.

    Args:
        invocation: What `run()` was given, by field; `None` stands for nothing.
        flow: What `@flow` was given.

    Raises:
        KitaruUsageError: A value is wrong, in any layer, or the environment's connection to a server is incomplete.
        KitaruStateError: There is no such stack.
    """
    remembered = read_user_file()
    environment = environment_config()
    if environment.server_url is not None or environment.auth_token is not None:
        _say_that_runs_stay_here(resolve_connection_config().server_url)
    layers: list[tuple[LayerName, KitaruConfig]] = [
        ("invocation", layer(invocation or {}, lambda field: f"run({field}=)")),
        ("flow", layer(flow or {}, lambda field: f"@flow({field}=)")),
        ("configure", runtime_config()),
        ("environment", environment),
        ("project", project_config()),
        ("active stack", KitaruConfig(stack=active_stack_name(remembered))),
    ]
    found: JsonObject = {}
    sources: dict[str, LayerName] = {}
    for name, config in reversed(layers):
        for field in _FIELDS:
            value = getattr(config, field)
            if value is not None:
                found[field] = value
                sources[field] = name
    found["stack"] = find_stack(found["stack"], remembered).name
    images = [config.image for _, config in layers if config.image is not None]
    registry, _ = effective_registry()
    return ExecutionSettings(
        **found,
        image=merge_images(images),
        strict=is_strict(),
        model_registry=registry.as_dict(),
        sources=sources,
    )


@cache
def _say_that_runs_stay_here(server_url: str | None) -> None:
    _log.warning(
        "KITARU_SERVER_URL names %s, but this installation has no client for a kitaru server: flows run and are kept "
        "on this machine.",
        server_url,
    )


def llm_estimated_costs() -> EstimatedCosts:
    """Return whether costs of model calls are estimated now.

    Raises:
        KitaruUsageError: A layer has a value that cannot be.
    """
    layers = (runtime_config(), environment_config(), project_config())
    return next((config.llm_estimated_costs for config in layers if config.llm_estimated_costs is not None), "auto")


def durability() -> Durability:
    """Return the durability level for journals that are opened now.

    Raises:
        KitaruUsageError: A layer has a value that cannot be.
    """
    layers = (runtime_config(), environment_config(), project_config())
    return next((config.durability for config in layers if config.durability is not None), "power")


def max_concurrency() -> int | None:
    """Return how many submitted checkpoints of an execution run at once, or `None` when nobody says so.

    Raises:
        KitaruUsageError: A layer has a value that cannot be.
    """
    layers = (runtime_config(), environment_config(), project_config())
    return next((config.max_concurrency for config in layers if config.max_concurrency is not None), None)


_FIELDS: Final = (
    "stack",
    "cache",
    "retries",
    "llm_estimated_costs",
    "run_mode",
    "durability",
    "max_concurrency",
    "server_url",
    "project",
)
