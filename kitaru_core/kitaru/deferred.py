"""Modules that take long to load, loaded when something of them is used.

A program without coroutines need not wait for `asyncio`, and the `ssl` and `multiprocessing` it brings along; one that
asks nobody needs no JSON schemas.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["asyncio", "is_cancellation", "jsonschema", "pydantic", "pydantic_core", "referencing", "yaml"]


class _Deferred:
    """Stands for a module.

    Args:
        name: The module.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - whatever the module has
        return getattr(import_module(self._name), attribute)


if TYPE_CHECKING:
    import asyncio

    import jsonschema
    import pydantic
    import pydantic_core
    import referencing.exceptions
    import referencing.jsonschema
    import yaml
else:
    asyncio = _Deferred("asyncio")
    jsonschema = _Deferred("jsonschema")
    pydantic = _Deferred("pydantic")
    pydantic_core = _Deferred("pydantic_core")
    referencing = _Deferred("referencing")
    yaml = _Deferred("yaml")


def is_cancellation(error: BaseException) -> bool:
    """Tell whether an exception says that a task was cancelled; while `asyncio` is not loaded, none can."""
    return "asyncio" in sys.modules and isinstance(error, asyncio.CancelledError)
