"""Write `assets/crash-and-resume.svg`: the quickstart, really killed and really resumed, as it looks on a terminal."""

from __future__ import annotations

import io
import re
import runpy
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

DOCS = Path(__file__).resolve().parent
EXAMPLE = DOCS.parent / "examples" / "quickstart"
PICTURE = DOCS / "assets" / "crash-and-resume.svg"
FONT_FROM_THE_NETWORK = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Screen(Console):
    """A terminal that is recorded; the brief that the agent has written is left out of the picture."""

    def print(self, *objects: object, **options: object) -> None:
        """Print what belongs into the picture.

        Args:
            *objects: What to print.
            **options: Options of the console.
        """
        if not any(isinstance(one, Panel) for one in objects):
            super().print(*objects, **options)  # type: ignore[arg-type]  # passed on as they are


def main() -> int:
    """Run the demonstration and write the picture.

    Returns:
        The exit code of the demonstration; nothing is written unless it is 0.
    """
    sys.path.insert(0, str(EXAMPLE))
    demonstration = runpy.run_path(str(EXAMPLE / "demo.py"))
    screen = Screen(record=True, width=96, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory(prefix="kitaru_picture_") as folder:
        code: int = demonstration["run"](None, 12, screen, Path(folder))
    if code == 0:
        svg = FONT_FROM_THE_NETWORK.sub("", screen.export_svg(title="make demo", unique_id="kitaru"))
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(svg, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
