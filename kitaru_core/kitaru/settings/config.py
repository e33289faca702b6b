"""One layer of settings: what `configure()`, the environment or the project file say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from kitaru.records.plain import JsonObject
from kitaru.settings import values
from kitaru.settings.image import ImageSettings, as_image
from kitaru.settings.values import Durability, EstimatedCosts, RunMode

__all__ = ["KitaruConfig", "layer"]


class KitaruConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Settings of which each may be left out, so that a weaker layer decides.

    Attributes:
        stack: Name or id of the stack to run on.
        image: Image settings; a text stands for a base image, a mapping for the fields.
        cache: Whether checkpoints may take values from the result cache.
        retries: How often a failure of a flow's body is retried at once.
        llm_estimated_costs: Whether costs of model calls are estimated from the price table: `auto` or `off`.
        server_url: Address of a kitaru server.
        auth_token: Token for that server; never shown.
        project: Project on that server.
        durability: What a commit survives: `power` or `process`.
        run_mode: Where a flow's body runs: `thread` or `inline`.
        max_concurrency: How many submitted checkpoints of an execution run at once.

    Raises:
        KitaruUsageError: A value is blank, of the wrong type, or none that is known.
    """

    stack: str | None = None
    image: ImageSettings | None = None
    cache: bool | None = None
    retries: int | None = None
    llm_estimated_costs: EstimatedCosts | None = None
    server_url: str | None = None
    auth_token: str | None = None
    project: str | None = None
    durability: Durability | None = None
    run_mode: RunMode | None = None
    max_concurrency: int | None = None

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if value is not None:
                msgspec.structs.force_setattr(self, field, _CHECKS.get(field, values.text)(value, field))

    def __repr__(self) -> str:
        shown = {field: getattr(self, field) for field in self.__struct_fields__ if getattr(self, field) is not None}
        if "auth_token" in shown:
            shown["auth_token"] = "[hidden]"  # noqa: S105 - what is shown in place of it
        return f"KitaruConfig({', '.join(f'{field}={value!r}' for field, value in shown.items())})"

    def as_dict(self) -> JsonObject:
        """Return what is set, JSON-ready, without the token and with secret-looking variables masked."""
        shown: JsonObject = {
            field: value
            for field in self.__struct_fields__
            if field not in {"image", "auth_token"} and (value := getattr(self, field)) is not None
        }
        if self.image is not None:
            shown["image"] = self.image.as_dict()
        return shown


def layer(found: Mapping[str, object], where: Callable[[str], str]) -> KitaruConfig:
    """Build a layer from what was found somewhere.

    Args:
        found: Values by field; unknown fields, and those that are `None`, are left alone.
        where: Gives the place of a field, for errors.

    Raises:
        KitaruUsageError: A value is wrong.
    """
    checked = {
        field: _CHECKS.get(field, values.text)(value, where(field))
        for field, value in found.items()
        if field in KitaruConfig.__struct_fields__ and value is not None
    }
    return KitaruConfig(**checked)  # type: ignore[arg-type] # each value was checked for its field


def _concurrency(value: object, where: str) -> int:
    return values.whole(value, where, least=1)


_CHECKS: Final[Mapping[str, Callable[[object, str], object]]] = {
    "image": as_image,
    "cache": values.flag,
    "retries": values.whole,
    "llm_estimated_costs": values.estimated_costs,
    "server_url": values.server_address,
    "durability": values.durability,
    "run_mode": values.run_mode,
    "max_concurrency": _concurrency,
}
