"""Install adapters that others could have written into a clean environment, and judge them there.

The environment holds what a user would have: the wheel of kitaru, the wheel of the adapter, its framework and pytest,
and nothing of this checkout. It runs the example's own tests and the conformance suite, and does the same with what
`kitaru adapter new` writes. `python .ci/third_party.py`, or `make test-third-party`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "third_party_adapter"


def run(*command: object, folder: Path | None = None) -> None:
    """Run a command, showing it first; a failure ends this program."""
    texts = [str(part) for part in command]
    sys.stdout.write(f"$ {' '.join(texts)}\n")
    sys.stdout.flush()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KITARU_", "PYTHONPATH"))}
    subprocess.run(texts, cwd=folder, env=environment, check=True)  # noqa: S603 - our own commands


def build(project: Path, folder: Path) -> Path:
    """Build the wheel of a project and return its path."""
    target = folder / project.name
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, project)
    (wheel,) = target.glob("*.whl")
    return wheel


def judge(python: Path, tests: Path, folder: Path, report: Path) -> None:
    """Run an adapter's tests from a copy, so that nothing of the checkout is on the way."""
    copy = folder / "tests"
    shutil.copytree(tests, copy, ignore=shutil.ignore_patterns("__pycache__"))
    run(python, "-m", "pytest", "-q", "--import-mode=importlib", f"--kitaru-report={report}", copy, folder=folder)


def main() -> None:
    """Build, install and judge both adapters."""
    with tempfile.TemporaryDirectory(prefix="kitaru-third-party-") as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        kitaru, example = build(ROOT, folder), build(EXAMPLE, folder)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*install, "-c", EXAMPLE / "constraints.txt", f"{kitaru}[conformance]", f"{example}[test]")
        judge(python, EXAMPLE / "tests", folder / "example", EXAMPLE / "conformance.json")
        new = folder / "new"
        run(python.with_name("kitaru"), "adapter", "new", "toy", "--framework", "iniconfig", "--folder", new)
        run(*install, "--no-deps", build(new, folder))
        judge(python, new / "tests", folder / "made", folder / "made.json")


if __name__ == "__main__":
    main()
