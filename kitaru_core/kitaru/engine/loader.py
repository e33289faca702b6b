"""Finding the code of a flow again in another process.

An execution records the module, the qualified name and the file of its flow. The flow is looked for among the loaded
modules first, then imported by its module's name, and a script is loaded from its file under its own name, so that its
`if __name__ == "__main__"` part does not run.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kitaru.errors import KitaruRuntimeError

if TYPE_CHECKING:
    from types import ModuleType

    from kitaru.records.facts import ExecutionStarted

__all__ = ["find_flow", "register_flow"]

_registered: dict[tuple[str, str], Any] = {}


def register_flow(module: str, qualname: str, flow: object) -> None:
    """Make a flow known that was defined in this process, also inside a function."""
    _registered[module, qualname] = flow


def find_flow(started: ExecutionStarted) -> Any:  # noqa: ANN401 - a flow object; the authoring room owns its type
    """Return the flow object of an execution.

    Args:
        started: The execution's first record.

    Raises:
        KitaruRuntimeError: It cannot be found, or its module cannot be imported.
    """
    known = _registered.get((started.module, started.qualname))
    if known is not None:
        return known
    if "<locals>" in started.qualname:
        msg = (
            f"The flow {started.qualname!r} of {started.module!r} was defined inside a function, so only the process that "
            "defined it can continue it. Define flows at the top of a module."
        )
        raise KitaruRuntimeError(msg)
    module = _module(started)
    found: object = module
    for part in started.qualname.split("."):
        found = getattr(found, part, None)
    if found is None or not hasattr(found, "function"):
        msg = (
            f"Module {started.module!r} ({getattr(module, '__file__', '?')}) was loaded, but has no flow "
            f"{started.qualname!r} any more. Put it back under that name to continue execution {started.execution_id}."
        )
        raise KitaruRuntimeError(msg)
    return found


def _module(started: ExecutionStarted) -> ModuleType:
    tried: list[str] = []
    name = started.module
    main = sys.modules.get("__main__")
    if started.file and main is not None and _same_file(getattr(main, "__file__", None), started.file):
        return main
    if name != "__main__":
        if name in sys.modules:
            return sys.modules[name]
        _add_root(started)
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and not (name == error.name or name.startswith(error.name + ".")):
                msg = (
                    f"Module {name!r} of the flow {started.flow!r} needs {error.name!r}, which is not installed here. "
                    "Install it, or continue the execution where it is."
                )
                raise KitaruRuntimeError(msg) from error
            tried.append(f"import {name}")
    if started.file and Path(started.file).is_file():
        return _load_script(Path(started.file))
    tried.append(f"file {started.file}")
    msg = (
        f"The code of flow {started.flow!r} cannot be found; tried: {', '.join(tried)}. Run this from the project's folder, "
        "or put the module on PYTHONPATH."
    )
    raise KitaruRuntimeError(msg)


def _same_file(first: str | None, second: str) -> bool:
    try:
        return first is not None and Path(first).samefile(second)
    except OSError:
        return False


def _add_root(started: ExecutionStarted) -> None:
    """Put the folder from which the module was importable on the path, as the first process had it."""
    if not started.file:
        return
    path = Path(started.file)
    depth = started.module.count(".") + (path.name == "__init__.py")
    root = str(path.parents[depth]) if depth < len(path.parents) else str(path.parent)
    if root not in sys.path:
        sys.path.insert(0, root)


def _load_script(path: Path) -> ModuleType:
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and _same_file(getattr(loaded, "__file__", None), str(path)):
        return loaded
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"{path} cannot be loaded as a Python module."
        raise KitaruRuntimeError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
