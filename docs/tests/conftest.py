"""The scripts of the documentation are found by the tests as they find each other: in one folder."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]

if str(DOCS) not in sys.path:
    sys.path.insert(0, str(DOCS))
