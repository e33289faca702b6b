"""Sizes, words and types of the four source roots, held to fixed bars."""

from __future__ import annotations

import ast
import re
from statistics import median

import pytest

BARS = {"Any": 8, "ignore": 1.5, "broad": 0.7, "inner import": 1.5, "deep": 0.005, "no reason": 0}
"""How often each may be found in a thousand lines of code; `deep` is a share of all functions, the last one a count."""

# Where a root stands above a bar. These figures may only shrink.
ABOVE = {
    "kitaru": {},
    "kitaru_adapters": {},
    "kitaru_plugins": {},
    "kitaru_conformance": {},
}

pytestmark = pytest.mark.parametrize("root", list(ABOVE))


def bar(root, what):
    """Return what a root is held to."""
    return ABOVE[root].get(what, BARS[what])


def at(values, share):
    """Return the value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0


def per_thousand(count, modules):
    """Return how often something is found in a thousand lines of code; small trees count as one thousand."""
    code = sum(bool(line.strip()) and not line.strip().startswith("#") for one in modules for line in one.lines)
    return 1000 * count / max(code, 1000)


def lengths(modules):
    return [node.end_lineno - node.lineno + 1 for one in modules for node in one.functions] or [0]


def lines_with(modules, pattern):
    """Return every line that a pattern is found in."""
    return [
        f"{one.name}:{number} {line.strip()}"
        for one in modules
        for number, line in enumerate(one.lines, 1)
        if re.search(pattern, line)
    ]


def parameters(function):
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [one for one in every if one is not None and one.arg not in {"self", "cls"}]


def test_files_are_short(tree, root):
    sizes = [len(one.lines) for one in tree.of(root)]
    assert median(sizes) <= 160
    assert at(sizes, 0.9) <= 400
    assert max(sizes) <= 600


def test_functions_are_short(tree, root):
    found = lengths(tree.of(root))
    assert median(found) <= 10
    assert at(found, 0.99) <= 70
    assert max(found) <= 70
    assert sum(length > 50 for length in found) <= 0.03 * len(found)


def test_blocks_stand_shallow(tree, root):
    found = [depth for one in tree.of(root) for depth in one.nestings]
    assert sum(depth > 4 for depth in found) <= bar(root, "deep") * len(found)


def test_functions_take_few_parameters(tree, root):
    # Keyword-only parameters of public verbs are settings, not things to remember in order.
    found = [
        len([one for one in parameters(node) if one not in node.args.kwonlyargs])
        for module in tree.of(root)
        for node in module.functions
    ]
    assert sum(count > 5 for count in found) <= 0.04 * len(found)


def test_everything_public_is_documented(tree, root):
    silent = [one.name for one in tree.of(root) if ast.get_docstring(one.tree) is None]
    for module in tree.of(root):
        for name, node in public_definitions(module.tree.body, module.name):
            if ast.get_docstring(node) is None and "described on the class" not in module.lines[node.lineno - 1]:
                silent.append(name)
    assert silent == []


def public_definitions(body, prefix):
    """Yield public classes and functions, and what is public in public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
            if marks & {"overload", "setter", "deleter"}:
                continue
            yield f"{prefix}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{prefix}.{node.name}")


def test_every_parameter_and_result_is_annotated(tree, root):
    bare = [
        f"{module.name}.{node.name}"
        for module in tree.of(root)
        for node in module.functions
        if node.returns is None or any(one.annotation is None for one in parameters(node))
    ]
    assert bare == []


def test_any_is_rare(tree, root):
    names = (node.id for one in tree.of(root) for node in ast.walk(one.tree) if isinstance(node, ast.Name))
    rate = per_thousand(list(names).count("Any"), tree.of(root))
    assert rate <= bar(root, "Any")


def test_exceptions_from_the_type_checker_are_rare_and_give_code_and_reason(tree, root):
    ignores = [
        (module.name, number, line, module.lines[number - 1])
        for module in tree.of(root)
        for number, line in enumerate(module.lines)
        if re.search(r"#\s*type:\s*ignore", line)
    ]
    rate = per_thousand(len(ignores), tree.of(root))
    assert rate <= bar(root, "ignore")
    bare = [place for *place, line, above in ignores if not (reasoned(line) or above.strip().startswith("#"))]
    assert len(bare) <= bar(root, "no reason")


def reasoned(line):
    """Tell whether an exception from the type checker names its code and its reason."""
    return re.search(r"type: ignore\[[a-z, -]+\]\s+#\s*\S|# .*\S.*# type: ignore\[", line)


def test_exceptions_from_the_linter_give_code_and_reason(tree, root):
    unexplained = []
    for module in tree.of(root):
        # One reason in a file serves all its exceptions from the same rule.
        explained = set(re.findall(r"noqa: ([A-Z]+\d+(?:, [A-Z]+\d+)*) - \S", module.text))
        found = re.findall(r"#\s*noqa:?\s*([A-Z\d, ]*)", module.text)
        unexplained += [f"{module.name}: {codes}" for codes in found if codes.strip() not in explained]
    assert len(unexplained) <= bar(root, "no reason")


def test_broad_handlers_that_go_on_are_rare_and_explained(tree, root):
    broad = [
        (module, node)
        for module in tree.of(root)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert [f"{module.name}:{node.lineno}" for module, node in broad if not explained(module, node)] == []
    rate = per_thousand(len(broad), tree.of(root))
    assert rate <= bar(root, "broad")


def explained(module, handler):
    """Tell whether a comment stands at the handler, or right above or below it."""
    near = module.lines[handler.lineno - 2 : handler.lineno + 2]
    return any("#" in line for line in near)


def test_nothing_is_left_to_be_done(tree, root):
    assert lines_with(tree.of(root), r"#.*\b(TODO|FIXME|XXX|HACK)\b") == []


def test_imports_inside_functions_are_rare(tree, root):
    inner = sum(
        isinstance(node, ast.Import | ast.ImportFrom)
        for module in tree.of(root)
        if not module.name.endswith(".plugin")  # the load() of a card is there to import
        for function in module.functions
        for node in ast.walk(function)
    )
    rate = per_thousand(inner, tree.of(root))
    assert rate <= bar(root, "inner import")
