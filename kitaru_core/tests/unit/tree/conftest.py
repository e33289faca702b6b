"""The source trees, parsed once, with what the tests of their shape ask of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[4]
ROOTS = {
    "kitaru": "kitaru_core",
    "kitaru_adapters": "adapters",
    "kitaru_plugins": "plugins",
    "kitaru_conformance": "conformance_tests",
}
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One imported name, and whether it is imported when the module is loaded."""

    module: str
    line: int
    at_load: bool


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def nestings(self) -> list[int]:
        """How deep blocks stand in each other, for each function."""
        return [nesting(one) for one in self.functions]

    @cached_property
    def imports(self) -> list[Import]:
        """Every import, those for type checkers and those inside functions included."""
        deferred = {id(inner) for node in self._deferring() for inner in ast.walk(node)}
        found = (node for node in ast.walk(self.tree) if isinstance(node, ast.Import | ast.ImportFrom))
        return [Import(name, node.lineno, id(node) not in deferred) for node in found for name in self._targets(node)]

    def _deferring(self) -> Iterator[ast.AST]:
        yield from self.functions
        for node in ast.walk(self.tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from node.body

    def _targets(self, node: ast.Import | ast.ImportFrom) -> list[str]:
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        base = node.module or ""
        if node.level:
            parent = self.name.split(".")[: None if self.is_package and node.level == 1 else -node.level]
            base = ".".join([*parent, base]) if base else ".".join(parent)
        return [f"{base}.{alias.name}" for alias in node.names]


def nesting(node: ast.AST, level: int = 0) -> int:
    """Return how deep blocks stand in each other below a function, inner functions left out."""
    inner = (one for one in ast.iter_child_nodes(node) if not isinstance(one, Function | ast.ClassDef | ast.Lambda))
    return max((nesting(one, level + isinstance(one, BLOCKS)) for one in inner), default=level)


class Tree:
    """All modules of all roots."""

    def __init__(self) -> None:
        self.modules = {module.name: module for module in self._read()}

    def _read(self) -> Iterator[Module]:
        for package, folder in ROOTS.items():
            for path in sorted((REPOSITORY / folder / package).rglob("*.py")):
                parts = path.relative_to(REPOSITORY / folder).with_suffix("").parts
                name = ".".join(part for part in parts if part != "__init__")
                yield Module(name, path, path.read_text(encoding="utf-8"))

    def of(self, package: str) -> list[Module]:
        return [one for one in self.modules.values() if one.name.split(".")[0] == package]

    def resolve(self, target: str) -> str | None:
        """Return the module of ours that an imported name means, or lives in."""
        if target in self.modules:
            return target
        home = target.rpartition(".")[0]
        return home if home in self.modules else None

    def edges(self, *, at_load_only: bool) -> dict[str, set[str]]:
        """Return which module imports which."""
        return {
            one.name: {
                found
                for target in one.imports
                if (target.at_load or not at_load_only)
                and (found := self.resolve(target.module)) not in {None, one.name}
            }
            for one in self.modules.values()
        }


@pytest.fixture(scope="session")
def tree():
    return Tree()
