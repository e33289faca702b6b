"""Finding a harness by name, in the test's process and in every other one."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import threading
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from kitaru_conformance.harness import AdapterHarness

__all__ = ["harness_class", "load_harness", "reference"]

_loading = threading.Lock()


def reference(harness: type[AdapterHarness]) -> str:
    """Return the name by which any process finds a harness class: `path/of/file.py:Class`.

    Args:
        harness: A class at the top of its file.
    """
    return f"{Path(inspect.getfile(harness)).resolve()}:{harness.__qualname__}"


def load_harness(name: str) -> AdapterHarness:
    """Make a harness by its reference.

    Args:
        name: `path/of/file.py:Class`, or `module:Class`.

    Returns:
        A new instance.

    Raises:
        TypeError: The name does not stand for a harness class.
    """
    place, _, qualname = name.rpartition(":")
    return harness_class(place, qualname)()


def harness_class(place: str | Path, name: str) -> type[AdapterHarness]:
    """Return a harness class from a file beside a test module, which cannot import it by name.

    Args:
        place: The file, or the name of a module.
        name: The class.

    Raises:
        TypeError: There is no harness class of that name.
    """
    is_file = str(place).endswith(".py")
    module = _from_file(Path(place).resolve()) if is_file else importlib.import_module(str(place))
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, AdapterHarness)):
        msg = f"{place} has no subclass of AdapterHarness called {name!r}. Name one as 'path/of/file.py:Class'."
        raise TypeError(msg)
    return found


def _from_file(path: Path) -> ModuleType:
    """Load a file once per process, whatever other name a test runner may have loaded it under."""
    known = f"kitaru_conformance_harness_{sha256(str(path).encode()).hexdigest()[:12]}"
    with _loading:
        if known in sys.modules:
            return sys.modules[known]
        spec = importlib.util.spec_from_file_location(known, path)
        if spec is None or spec.loader is None:
            msg = f"{path} is no Python file."
            raise TypeError(msg)
        module = importlib.util.module_from_spec(spec)
        sys.modules[known] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[known]
            raise
        return module
