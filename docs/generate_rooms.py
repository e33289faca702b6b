"""Draw `assets/rooms.svg`: the rooms of the core and who imports whom, from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

__all__ = ["draw", "imports"]

DOCS = Path(__file__).resolve().parent
CORE = DOCS.parent / "kitaru_core" / "kitaru"
PICTURE = DOCS / "assets" / "rooms.svg"
WIDTH, BOX, HEIGHT, ROW = 900, 128, 34, 76
NOT_ROOMS = frozenset({"__init__", "version", "config", "events", "crash_points", "adapters"})


def imports() -> dict[str, set[str]]:
    """Return the rooms of the core, each with the rooms that it imports when it is loaded."""
    rooms: dict[str, set[str]] = {}
    for file in sorted(CORE.rglob("*.py")):
        room = file.relative_to(CORE).parts[0].removesuffix(".py")
        if room not in NOT_ROOMS:
            rooms.setdefault(room, set()).update(_imported(ast.parse(file.read_text(encoding="utf-8"))))
    return {room: (found & rooms.keys()) - {room} for room, found in rooms.items()}


def _imported(module: ast.Module) -> set[str]:
    names = [one.module for one in module.body if isinstance(one, ast.ImportFrom) and one.module]
    return {name.split(".")[1] for name in names if name.startswith("kitaru.")}


def _levels(rooms: dict[str, set[str]]) -> dict[str, int]:
    levels: dict[str, int] = {}

    def level(room: str) -> int:
        if room not in levels:
            levels[room] = 1 + max((level(other) for other in rooms[room]), default=-1)
        return levels[room]

    for room in rooms:
        level(room)
    return levels


def _direct(rooms: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the imports that no longer way explains, so that the picture stays readable."""

    def reach(room: str) -> set[str]:
        return rooms[room].union(*(reach(other) for other in rooms[room]))

    return [
        (room, other)
        for room, found in sorted(rooms.items())
        for other in sorted(found)
        if not any(other in reach(between) for between in found - {other})
    ]


def draw() -> str:
    """Return the picture: a room stands above every room that it imports."""
    rooms = imports()
    levels = _levels(rooms)
    top = max(levels.values())
    places: dict[str, tuple[float, float]] = {}
    for level in range(top + 1):
        here = sorted(room for room in rooms if levels[room] == level)
        for number, room in enumerate(here, start=1):
            places[room] = (WIDTH * number / (len(here) + 1), 30 + ROW * (top - level))
    height = 60 + ROW * top
    lines = [_line(places[room], places[other]) for room, other in _direct(rooms)]
    boxes = [_box(room, *place) for room, place in sorted(places.items())]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="sans-serif" font-size="14">\n<title>Rooms of the core; each imports only rooms below it</title>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n' + "\n".join([*lines, *boxes]) + "\n</svg>\n"
    )


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    return (
        f'<line x1="{start[0]:.0f}" y1="{start[1] + HEIGHT / 2:.0f}" x2="{end[0]:.0f}" '
        f'y2="{end[1] - HEIGHT / 2:.0f}" stroke="#90a4ae" stroke-width="1.5"/>'
    )


def _box(room: str, x: float, y: float) -> str:
    return (
        f'<rect x="{x - BOX / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{BOX}" height="{HEIGHT}" rx="6" '
        f'fill="#e8f0fe" stroke="#3f51b5"/>\n'
        f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" fill="#1a237e">{room}</text>'
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")
