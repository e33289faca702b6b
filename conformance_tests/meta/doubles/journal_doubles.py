"""Journals in memory that are right in everything but one thing, and the cases that must notice."""

from __future__ import annotations

import journal_doubles_leases as leases
import journal_doubles_lists as lists
import journal_doubles_records as records

DOUBLES = {**records.DOUBLES, **leases.DOUBLES, **lists.DOUBLES}
