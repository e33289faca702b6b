"""Who may import whom; imports for type checkers and inside functions count as well."""

from __future__ import annotations

import pytest

# Each line may import itself and the lines above it. Rooms that share a line see only each other's front.
LEVELS = [
    {"errors", "records", "version", "crash_points", "deferred", "handover"},
    {"hooks", "journal", "artifacts"},
    {"settings"},
    {"targets", "stacks", "secrets"},
    {"models", "sandbox"},
    {"engine"},
    {"seam", "operating"},
    {"authoring"},
    {"client", "config", "events"},
    {"cli"},
]
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
FRONTS = {"api", "registry"}
OPEN_TO_ALL = {"errors", "records", "hooks"}
FACADES = {"kitaru", "kitaru.adapters"}
SEAMS = {"seam", "hooks", "errors", "records"}
JUDGE = "kitaru_conformance"


def room(module: str) -> str:
    """Return the room of a module of the runtime; the package itself has none."""
    return [*module.split("."), ""][1]


def allowed_in_core(source: str, target: str) -> bool:
    here, there = room(source), room(target)
    if here == there or (there in OPEN_TO_ALL and LEVEL.get(here, 0) >= LEVEL[there]):
        return True
    if LEVEL[here] == LEVEL[there]:
        return LEVEL[here] == 0 or target.rsplit(".", maxsplit=1)[-1] in FRONTS
    return LEVEL[there] < LEVEL[here]


def allowed_outside(source: str, target: str) -> bool:
    """Tell what adapters, plugins and the conformance suite may import."""
    ours, _, inner = source.partition(".")
    if target == f"kitaru.adapters.{inner.split('.')[0]}":
        return True  # the promised path of this adapter, which its card loads
    if ours == JUDGE and (target == JUDGE or target.startswith(f"{JUDGE}.") or target == "kitaru.crash_points"):
        return True
    if target.startswith("kitaru_"):
        shared = target == "kitaru_adapters.kit" or target.startswith("kitaru_adapters.kit.")
        return target.split(".")[:2] == source.split(".")[:2] or (ours == "kitaru_adapters" and shared)
    if target == "kitaru" or room(target) in SEAMS:
        return True
    return ours != "kitaru_adapters" and target.split(".")[2:] == ["api"]


def violations(tree, sources, allowed):
    for source in sources:
        for target in source.imports:
            found = tree.resolve(target.module)
            if found is not None and not allowed(source.name, found):
                yield f"{source.name}:{target.line} imports {found}"


def test_every_room_has_its_place_in_the_order(tree):
    rooms = {room(one.name) for one in tree.of("kitaru")} - {"", "adapters"}
    assert rooms <= set(LEVEL), "give the new room a place in LEVELS"


def test_rooms_import_only_from_rooms_before_them(tree):
    sources = [one for one in tree.of("kitaru") if room(one.name) not in {"", "adapters"}]
    assert list(violations(tree, sources, allowed_in_core)) == []


@pytest.mark.parametrize("package", ["kitaru_adapters", "kitaru_plugins", "kitaru_conformance"])
def test_what_stands_outside_reaches_the_runtime_through_its_seams(tree, package):
    assert list(violations(tree, tree.of(package), allowed_outside)) == []


def test_the_promised_paths_of_adapters_do_nothing_but_pass_on(tree):
    def allowed(source, target):
        own = f"kitaru_adapters.{source.split('.')[-1]}"
        return target.startswith((own, "kitaru_adapters.kit")) or target in {"kitaru.errors", "kitaru.adapters"}

    thin = [one for one in tree.of("kitaru") if room(one.name) == "adapters"]
    assert list(violations(tree, thin, allowed)) == []


def test_the_runtime_imports_no_adapter_and_no_plugin(tree):
    sources = [one for one in tree.of("kitaru") if room(one.name) != "adapters"]
    assert list(violations(tree, sources, lambda _, target: not target.startswith("kitaru_"))) == []


def test_no_module_stands_in_a_cycle_of_imports_at_load(tree):
    assert [" -> ".join(cycle) for cycle in cycles(tree.edges(at_load_only=True))] == []


def test_no_room_stands_in_a_cycle_of_any_imports(tree):
    edges = {}
    for source, targets in tree.edges(at_load_only=False).items():
        here = place(source)
        if here not in FACADES:
            edges.setdefault(here, set()).update(there for one in targets if (there := place(one)) != here)
    assert [" -> ".join(cycle) for cycle in cycles({one: found & set(edges) for one, found in edges.items()})] == []


def place(module):
    """Return root and room of a module."""
    return ".".join(module.split(".")[:2])


def cycles(edges):
    """Yield one way back to itself for each module that has one."""
    for start in sorted(edges):
        way = path_back(edges, start)
        if way:
            yield way


def path_back(edges, start):
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop(0)
        for step in sorted(edges[way[-1]]):
            if step == start:
                return [*way, step]
            if step not in seen:
                seen.add(step)
                ways.append([*way, step])
    return None
