"""The Python in the guides about settings, models and secrets runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDES = Path(__file__).parents[4] / "docs" / "guides"


@pytest.mark.parametrize("guide", ["settings.md", "models-and-secrets.md"])
def test_the_snippets_of_a_guide_run_one_after_another(guide, tmp_path):
    snippets = re.findall(r"^```python\n(.*?)^```$", (GUIDES / guide).read_text(), re.DOTALL | re.MULTILINE)
    assert snippets
    program = tmp_path / "guide.py"
    program.write_text("\n".join(snippets))
    env = {**os.environ, "KITARU_CONFIG_PATH": str(tmp_path / "config")}
    done = subprocess.run([sys.executable, program], env=env, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
