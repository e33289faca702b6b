"""Build the wheel, install it alone into a fresh environment, and check its types from outside with mypy and pyright.

Three questions: does user code that touches every public name type-check strictly with both; and is every type that
the package offers known, so that no editor has to guess?
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
USER_CODE = ROOT / "kitaru_core" / "tests" / "typing" / "api.py"
CHECKERS = ("mypy", "pyright[nodejs]")
# Here methods of one object become those of another one as they are, so nothing is there to annotate. Both checkers
# come to the same type for each; for the asynchronous client the user code asserts it.
INFERRED = ("kitaru.operating.async_client.", "kitaru.engine.journals.")


def pip(*arguments: str | Path, python: Path | None = None) -> None:
    """Run pip, for the environment of another interpreter if one is given."""
    target = [] if python is None else ["--python", str(python)]
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", *target, *quiet, *map(str, arguments)], check=True)  # noqa: S603 - our own words


def installed(folder: Path) -> Path:
    """Build and install the wheel with the checkers; return the folder of the environment's programs."""
    pip("wheel", "--no-deps", "--wheel-dir", folder / "dist", ROOT)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)  # noqa: S603 - as above
    programs = folder / "venv" / "bin"
    [wheel] = (folder / "dist").iterdir()
    pip("install", "-c", ROOT / "constraints.txt", wheel, *CHECKERS, python=programs / "python")
    return programs


def run(folder: Path, program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a checker away from the checkout, so that only the installed package can be found."""
    # Which packages there are, pyright finds out from the first interpreter on the path.
    path = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True, check=False)  # noqa: S603 - as above


def unclear(report: dict[str, Any]) -> Iterator[str]:
    """Yield what the package offers without a type that is known for certain; adapters need their frameworks for it."""
    for symbol in report["typeCompleteness"]["symbols"]:
        name = symbol["name"]
        ours = name.startswith("kitaru.") and not name.startswith(("kitaru.adapters.", *INFERRED))
        if ours and symbol["isExported"]:
            yield from (f"{name}: {one['message'].splitlines()[0]}" for one in symbol["diagnostics"] if at_fault(one))


def at_fault(diagnostic: dict[str, Any]) -> bool:
    """Tell whether a finding is about the symbol itself, and not about one that it mentions."""
    return diagnostic["severity"] == "error" and "partially" not in diagnostic["message"]


def main() -> int:
    """Check; return how many of the three checks failed."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kitaru-types-") as name:
        folder = Path(name).resolve()
        programs, code = installed(folder), folder / "api.py"
        code.write_text(USER_CODE.read_text(encoding="utf-8"), encoding="utf-8")
        for checker, *options in (("mypy", "--strict"), ("pyright",)):
            done = run(folder, programs / checker, *options, code)
            print(f"{checker}: {done.stdout.strip() or done.stderr.strip()}")  # noqa: T201 - what a command says
            failed += done.returncode != 0
        verify = ("--verifytypes", "kitaru", "--ignoreexternal", "--outputjson")
        report = json.loads(run(folder, programs / "pyright", *verify).stdout)
        found = sorted(set(unclear(report)))
        offered = sum(one["isExported"] for one in report["typeCompleteness"]["symbols"])
        print("\n".join([*found, f"verifytypes: {offered} symbols, {len(found)} of kitaru without a certain type"]))  # noqa: T201 - as above
        failed += bool(found) or not offered
    return failed


if __name__ == "__main__":
    sys.exit(main())
