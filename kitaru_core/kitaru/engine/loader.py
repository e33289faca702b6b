"""Finding the code of a flow again in another process.

An execution records the module, the qualified name and the file of its flow. The flow is looked for among the loaded
modules first, then imported by its module's name, and a script is loaded from its file under its own name, so that its
`if __name__ == "__main__"` part does not run.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kitaru.errors import KitaruRuntimeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from kitaru.records.facts import ExecutionStarted

__all__ = ["find_flow", "load_function", "register_flow"]

_registered: dict[tuple[str, str], Any] = {}
_loading = threading.RLock()


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
            f"The flow {started.qualname!r} of {started.module!r} was defined inside a function, so only the process "
            "that "
            "defined it can continue it. Define flows at the top of a module."
        )
        raise KitaruRuntimeError(msg)
    module = _module(started.module, started.file, f"flow {started.flow!r}")
    found = _attribute(module, started.qualname)
    if found is None or not hasattr(found, "function"):
        msg = (
            f"Module {started.module!r} ({getattr(module, '__file__', '?')}) was loaded, but has no flow "
            f"{started.qualname!r} any more. Put it back under that name to continue execution {started.execution_id}."
        )
        raise KitaruRuntimeError(msg)
    return found


def load_function(module: str, qualname: str, file: str | None) -> Callable[..., object]:
    """Return the plain function behind a checkpoint, in a process that has not loaded it yet.

    Args:
        module: Module it was defined in.
        qualname: Qualified name there.
        file: Source file of that module.

    Raises:
        KitaruRuntimeError: It cannot be found.
    """
    found = _attribute(_module(module, file, f"checkpoint {qualname!r}"), qualname)
    function = getattr(found, "function", found)
    if not callable(function):
        msg = (
            f"The checkpoint {qualname!r} cannot run isolated: module {module!r} has no such name at its top. Define "
            "it at "
            "the top of a module."
        )
        raise KitaruRuntimeError(msg)
    return cast("Callable[..., object]", function)


def _attribute(module: ModuleType, qualname: str) -> object:
    found: object = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _module(name: str, file: str | None, what: str) -> ModuleType:
    tried: list[str] = []
    main = sys.modules.get("__main__")
    if file and main is not None and _same_file(getattr(main, "__file__", None), file):
        return main
    if name != "__main__":
        if name in sys.modules:
            return importlib.import_module(name)  # waits, if another thread is still importing it
        _add_root(name, file)
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and not (name == error.name or name.startswith(error.name + ".")):
                msg = (
                    f"Module {name!r} of the {what} needs {error.name!r}, which is not installed here. Install it, or "
                    "continue the execution where it is."
                )
                raise KitaruRuntimeError(msg) from error
            tried.append(f"import {name}")
    if file and Path(file).is_file():
        with _loading:  # a second thread must not see a script that has run only in part
            return _load_script(Path(file))
    tried.append(f"file {file}")
    msg = (
        f"The code of the {what} cannot be found; tried: {', '.join(tried)}. Run this from the project's folder, or "
        "put the "
        "module on PYTHONPATH."
    )
    raise KitaruRuntimeError(msg)


def _same_file(first: str | None, second: str) -> bool:
    try:
        return first is not None and Path(first).samefile(second)
    except OSError:
        return False


def _add_root(name: str, file: str | None) -> None:
    """Put the folder from which the module was importable on the path, as the first process had it."""
    if not file:
        return
    path = Path(file)
    depth = name.count(".") + (path.name == "__init__.py")
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
