"""Runs these tests against another major version of google-genai, laid over the environment that is active.

    python adapters/tests/gemini/run_with_other_major.py 2 [pytest arguments]

The release is installed once into `.venv-genai<major>` in the checkout and put first on the path; everything else,
kitaru included, comes from the active environment. A test checks that the wanted major version is really loaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXAMPLES = ("examples/gemini_research", "examples/antigravity")


def main(major: str, *arguments: str) -> int:
    """Install the release if it is not there yet, and run the tests.

    Args:
        major: Major version, such as `2`.
        *arguments: Arguments for pytest.

    Returns:
        The exit status of pytest.
    """
    overlay = ROOT / f".venv-genai{major}"
    wanted = f"google-genai>={major},<{int(major) + 1}"
    if not overlay.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(overlay), wanted]
        subprocess.run(install, check=True)
    path = os.pathsep.join(filter(None, (str(overlay), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": path, "KITARU_TEST_GENAI_MAJOR": major}
    tests = [str(HERE), *(str(ROOT / example) for example in EXAMPLES)]
    return subprocess.run([sys.executable, "-m", "pytest", *tests, *arguments], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
