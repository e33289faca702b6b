"""`kitaru adapter new`: the beginning of an adapter for a framework of your own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from kitaru.cli.arguments import OutputOption
from kitaru.cli.output import Output
from kitaru.cli.views import success
from kitaru.errors import KitaruStateError, KitaruUsageError

__all__ = ["new"]

_FILES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "kitaru_$name/__init__.py": "package/__init__.py",
    "kitaru_$name/plugin.py": "package/plugin.py",
    "kitaru_$name/runner.py": "package/runner.py",
    "kitaru_$name/py.typed": "package/py.typed",
    "tests/conformance_harness.py": "tests/conformance_harness.py",
    "tests/test_conformance.py": "tests/test_conformance.py",
    "tests/test_${name}_calls.py": "tests/test_calls.py",
}
"""What is written, and the template of each file."""


def new(name: str, *, framework: str | None = None, folder: Path | None = None, output: OutputOption = "text") -> None:
    """Write the beginning of an adapter: a distribution that passes the conformance suite from the start.

    Args:
        name: Short name of the framework, such as my_agents.
        framework: The distribution it comes in, if that has another name.
        folder: Where to write it; kitaru_NAME by default.
        output: text for people, json for programs.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        msg = f"An adapter's name has small letters, digits and _, and begins with a letter; {name!r} does not."
        raise KitaruUsageError(msg)
    if framework is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", framework):
        msg = f"--framework names a distribution, such as my-agents; {framework!r} cannot be one."
        raise KitaruUsageError(msg)
    target = (folder or Path(f"kitaru_{name}")).expanduser().absolute()
    if target.exists():
        msg = f"{target} exists already; name another folder with --folder."
        raise KitaruStateError(msg)
    facts = {"name": name, "framework": framework or name.replace("_", "-")}
    try:
        written = _write(target, facts)
    except OSError as error:
        msg = f"{target} cannot be written ({error.strerror or error}); name a folder of your own with --folder."
        raise KitaruUsageError(msg) from error
    view = success(f"Wrote an adapter to {target}", "its tests: python -m pytest", "to be found: pip install -e .")
    Output("adapter.new", output).item({"name": name, "folder": str(target), "files": written}, view)


def _write(target: Path, facts: Mapping[str, str]) -> list[str]:
    written = []
    templates = files("kitaru.cli") / "adapter_template"
    for place, template in _FILES.items():
        file = target / Template(place).substitute(facts)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = (templates / f"{template}.tmpl").read_text(encoding="utf-8")
        file.write_text(Template(text).substitute(facts), encoding="utf-8")
        written.append(str(file))
    return written
