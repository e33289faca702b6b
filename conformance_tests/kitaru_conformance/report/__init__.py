"""Reports of the suite: reading, putting together, and showing them.

`python -m kitaru_conformance.report table a.json b.json` prints the table of adapters for a README.
"""

from __future__ import annotations

from kitaru_conformance.report.files import load, merge, write
from kitaru_conformance.report.markdown import render
from kitaru_conformance.report.tables import render_table

__all__ = ["load", "merge", "render", "render_table", "write"]
