"""A framework that is not installed: one error that says what to install, and only for that case."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kitaru.errors import KitaruFeatureNotAvailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["require_framework"]


@contextmanager
def require_framework(*modules: str, extra: str) -> Iterator[None]:
    """Translate the absence of a framework; every other import error surfaces unchanged.

    Args:
        *modules: Import names whose absence means "not installed", such as `"pydantic_ai"`. A module that is missing
            inside an installed framework is a fault of that installation and is not disguised.
        extra: The extra of kitaru that brings the framework.

    Yields:
        Nothing; the import goes into the block.

    Raises:
        KitaruFeatureNotAvailableError: One of the named modules is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in modules:
            raise
        msg = (
            f"This adapter needs the package that provides {error.name!r}, which is not installed here. "
            f"Install kitaru with its extra {extra!r}, for example from a checkout: pip install -e '.[{extra}]'"
        )
        raise KitaruFeatureNotAvailableError(msg) from error
