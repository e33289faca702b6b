"""What a module exports is what it says, and `import kitaru` stays light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

ROOTS = ["kitaru", "kitaru_adapters", "kitaru_plugins", "kitaru_conformance"]


def exported(module):
    """Return the value of `__all__`, or `None`."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(one) == "__all__" for one in node.targets):
            return ast.literal_eval(node.value)
    return None


def defined(module):
    """Return the names that functions, classes and assignments at the top of a module define."""
    branches = (node for one in module.tree.body if isinstance(one, ast.If) for node in (*one.body, *one.orelse))
    for node in (*module.tree.body, *branches):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (one.id for one in targets if isinstance(one, ast.Name))


def imported(module):
    """Return the names that imports bind, wherever in the top of the module they stand."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


def public(module):
    """Tell whether a module is there to be imported by others."""
    is_script = any(isinstance(one, ast.If) and "__main__" in ast.unparse(one.test) for one in module.tree.body)
    return not is_script and not any(part.startswith("_") for part in module.name.split("."))


@pytest.mark.parametrize("root", ROOTS)
def test_every_module_with_public_definitions_lists_them(tree, root):
    silent = [
        one.name
        for one in tree.of(root)
        if public(one) and exported(one) is None and any(not name.startswith("_") for name in defined(one))
    ]
    assert silent == []


@pytest.mark.parametrize("root", ROOTS)
def test_every_listed_name_is_there(tree, root):
    missing = [
        f"{one.name}.{name}"
        for one in tree.of(root)
        for name in sorted(set(exported(one) or ()) - set(defined(one)) - set(imported(one)))
    ]
    assert missing == []


def test_no_package_exports_a_name_that_one_of_its_modules_has(tree):
    # `from package import thing` would give one or the other, depending on what was imported before.
    both = [f"{one.name}.{name}" for one in tree.modules.values() for name in exported(one) or () if one.is_package]
    # `kitaru.events` is that very module, whichever way it is reached.
    assert [name for name in both if name in tree.modules] == ["kitaru.events"]


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_is_marked_as_typed(tree, root):
    assert tree.modules[root].path.with_name("py.typed").is_file()


@pytest.fixture(scope="module")
def loaded():
    """Return the modules that `import kitaru` adds to an empty interpreter."""
    ask = "import json, sys; old = set(sys.modules); import kitaru; print(json.dumps(sorted(set(sys.modules) - old)))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_importing_kitaru_loads_few_modules(loaded):
    assert len(loaded) <= 150


@pytest.mark.parametrize(
    "heavy",
    [
        "pluggy",
        "pydantic",
        "rich",
        "cyclopts",
        "httpx",
        "asyncio",
        "sqlite3",
        "openai",
        "anthropic",
        "langgraph",
        "kitaru_adapters",
    ],
)
def test_importing_kitaru_does_not_load_what_is_heavy(loaded, heavy):
    assert not [one for one in loaded if one.split(".")[0] == heavy]
