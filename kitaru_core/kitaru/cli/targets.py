"""Finding a flow that is named on the command line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from kitaru.errors import KitaruUsageError

__all__ = ["load_flow"]


def load_flow(target: str) -> Any:  # noqa: ANN401 - a flow of whatever inputs
    """Return the flow that a text names.

    Args:
        target: `module:flow` or `file.py:flow`.

    Raises:
        KitaruUsageError: There is no such module or flow.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        msg = f"{target!r} must be MODULE:FLOW, such as shop.orders:order, or FILE.py:FLOW."
        raise KitaruUsageError(msg)
    try:
        module = _script(Path(place)) if place.endswith(".py") else _module(place)
    except ImportError as error:
        msg = f"{place!r} cannot be loaded: {error}. Run this from the project's folder."
        raise KitaruUsageError(msg) from error
    except (Exception, SystemExit) as error:
        msg = f"{place!r} cannot be loaded, because its code raises {type(error).__name__}: {error}."
        raise KitaruUsageError(msg) from error
    flow = getattr(module, name, None)
    if not _is_flow(flow):
        flows = ", ".join(sorted(word for word, value in vars(module).items() if _is_flow(value))) or "none"
        msg = f"{place!r} was loaded, but {name!r} in it is no flow; its flows are: {flows}."
        raise KitaruUsageError(msg)
    return flow


def _is_flow(value: object) -> bool:
    return hasattr(value, "function") and hasattr(value, "run")


def _module(name: str) -> object:
    sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(name)


def _script(path: Path) -> object:
    sys.path.insert(0, str(path.absolute().parent))
    return importlib.import_module(path.stem)
