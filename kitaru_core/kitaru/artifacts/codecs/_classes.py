"""How a class is named in stored data and found again, without importing anything that data names."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Final

__all__ = ["ClassNotFoundError", "class_name", "find_class", "same_class"]

_MAIN: Final = ("__main__", "__mp_main__")
_MAIN_PREFIX: Final = "__main__("


class ClassNotFoundError(LookupError):
    """A recorded class cannot be found among the modules that are loaded.

    Attributes:
        recorded: The class as recorded, `module:Qualified.name`.
    """

    def __init__(self, recorded: str) -> None:
        super().__init__(recorded)
        self.recorded = recorded


def class_name(kind: type, *, canonical: bool = False) -> str:
    """Name a class for storage.

    A class of the script itself is written `__main__(script):Name`, so that another process which imports the script
    as a module finds it as well.

    Args:
        kind: The class.
        canonical: Leave out whether it came from the script or from the module of that name, for digests.

    Returns:
        `module:Qualified.name`.
    """
    module = kind.__module__
    if module in _MAIN:
        alias = _script_module()
        if alias is not None:
            module = alias if canonical else f"{_MAIN_PREFIX}{alias})"
    return f"{module}:{kind.__qualname__}"


def find_class(recorded: str) -> type:
    """Find a recorded class in the modules that are loaded.

    Only the dictionaries of modules and classes are looked into, so no module hook and no descriptor runs.

    Args:
        recorded: What `class_name` returned.

    Returns:
        The class.

    Raises:
        ClassNotFoundError: It is not there.
    """
    module, _, qualified = recorded.partition(":")
    for candidate in _modules(module):
        found = _walk(candidate, qualified)
        if found is not None:
            return found
    raise ClassNotFoundError(recorded)


def same_class(kind: type) -> bool:
    """Tell whether `kind` would be found again under the name it is recorded by."""
    module = sys.modules.get(kind.__module__)
    if (
        isinstance(module, ModuleType)
        and kind.__module__ not in _MAIN
        and vars(module).get(kind.__qualname__) is kind
        and not hasattr(kind, "__del__")
    ):
        return True  # by far the most: what the search below would find first
    try:
        return find_class(class_name(kind)) is kind
    except ClassNotFoundError:
        return False


def _modules(name: str) -> list[ModuleType]:
    names = [name]
    if name.startswith(_MAIN_PREFIX):
        alias = name[len(_MAIN_PREFIX) : -1]
        names = ["__main__", alias] if alias == _script_module() else [alias]
    elif name == _script_module():
        names = [name, "__main__"]
    loaded = (sys.modules.get(each) for each in names)
    return [module for module in loaded if isinstance(module, ModuleType)]


def _walk(module: ModuleType, qualified: str) -> type | None:
    place: ModuleType | type = module
    for part in qualified.split("."):
        found = vars(place).get(part)
        if not isinstance(found, type):
            return None
        place = found
    # A finaliser acts on whatever state data gave its object; no such object is made from data.
    return place if isinstance(place, type) and not hasattr(place, "__del__") else None


def _script_module() -> str | None:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return _stem(file) if file else None


@lru_cache(maxsize=8)
def _stem(file: str) -> str:
    return Path(file).stem
