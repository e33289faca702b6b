"""What the environment of a remote or isolated body is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from kitaru.errors import KitaruUsageError
from kitaru.records.plain import JsonObject
from kitaru.settings import values
from kitaru.settings.masking import mask_variables

__all__ = ["ImageSettings", "as_image", "merge_images"]


class ImageSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Settings of the image a body runs in; every field is optional, and layers are merged field by field.

    Attributes:
        base_image: Image to start from.
        requirements: Python packages to install, or the path of a requirements file.
        dockerfile: Path of a Dockerfile to build instead.
        build_context_root: Folder that is sent along with the build.
        environment: Environment variables, by name.
        secret_environment_from: Names of secrets whose values become environment variables.
        apt_packages: Debian packages to install.
        replicate_local_python_environment: Whether the packages of this environment are installed there too.
        image_tag: Tag of the built image.
        target_repository: Repository the built image is pushed to.
        user: User the image runs as.
        platform: Platform to build for, such as `linux/amd64`.

    Raises:
        KitaruUsageError: A value is blank or of the wrong type.
    """

    base_image: str | None = None
    requirements: str | tuple[str, ...] | None = None
    dockerfile: str | None = None
    build_context_root: str | None = None
    environment: Mapping[str, str] | None = None
    secret_environment_from: tuple[str, ...] | None = None
    apt_packages: tuple[str, ...] | None = None
    replicate_local_python_environment: bool | None = None
    image_tag: str | None = None
    target_repository: str | None = None
    user: str | None = None
    platform: str | None = None

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if value is not None:
                checked = _CHECKS.get(field, values.text)(value, f"image.{field}")
                msgspec.structs.force_setattr(self, field, checked)

    def is_empty(self) -> bool:
        """Whether nothing is set."""
        return all(getattr(self, field) is None for field in self.__struct_fields__)

    def as_dict(self) -> JsonObject:
        """Return what is set, JSON-ready, with the values of variables that look secret masked."""
        shown: JsonObject = msgspec.to_builtins(self)
        if self.environment is not None:
            shown["environment"] = mask_variables(self.environment)
        return shown


def as_image(value: object, where: str) -> ImageSettings:
    """Return image settings from any of the forms they may be given in.

    Args:
        value: Settings, a mapping of their fields (`parent_image` is another word for `base_image`), or the name of a
            base image.
        where: Where it stands, for the error.

    Raises:
        KitaruUsageError: It is none of these, or a field is unknown or wrong.
    """
    if isinstance(value, ImageSettings):
        return value
    if isinstance(value, str):
        return ImageSettings(base_image=values.text(value, where))
    fields = dict(values.mapping(value, where))
    if "parent_image" in fields:
        if "base_image" in fields:
            msg = f"{where} has both `base_image` and `parent_image`, which mean the same; keep one of them."
            raise KitaruUsageError(msg)
        fields["base_image"] = fields.pop("parent_image")
    unknown = sorted(fields.keys() - set(ImageSettings.__struct_fields__))
    if unknown:
        msg = f"{where} has no field {unknown[0]!r}; its fields are: {', '.join(ImageSettings.__struct_fields__)}."
        raise KitaruUsageError(msg)
    return ImageSettings(**fields)  # type: ignore[arg-type] # the fields are checked when it is made


def merge_images(layers: list[ImageSettings]) -> ImageSettings | None:
    """Merge image settings field by field; environment variables are merged one by one.

    Args:
        layers: The settings, the strongest first.

    Returns:
        The result, or `None` when no layer sets anything.
    """
    merged: JsonObject = {}
    for layer in reversed(layers):
        for field in layer.__struct_fields__:
            value = getattr(layer, field)
            if value is not None:
                merged[field] = {**merged.get(field, {}), **value} if field == "environment" else value
    return ImageSettings(**merged) if merged else None


def _environment(value: object, where: str) -> dict[str, str]:
    return {name: _variable(item, f"{where}[{name!r}]") for name, item in values.mapping(value, where).items()}


def _variable(value: object, where: str) -> str:
    # An empty value is a value here; numbers come from files where quotes were left out.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        msg = f"{where} must be a text, not a {type(value).__name__}."
        raise KitaruUsageError(msg)
    return str(value)


def _requirements(value: object, where: str) -> str | tuple[str, ...]:
    return values.text(value, where) if isinstance(value, str) else values.names(value, where)


_CHECKS: Final[Mapping[str, Callable[[object, str], object]]] = {
    "requirements": _requirements,
    "environment": _environment,
    "secret_environment_from": values.names,
    "apt_packages": values.names,
    "replicate_local_python_environment": values.flag,
}
