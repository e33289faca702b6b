"""All broken doubles of the right adapter."""

from __future__ import annotations

import doubles_of_content
import doubles_of_structure
from doubling import DOUBLES

__all__ = ["DOUBLES", "doubles_of_content", "doubles_of_structure"]
