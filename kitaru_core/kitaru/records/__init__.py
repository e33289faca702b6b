"""Frozen facts that the rooms hand each other; no behaviour, no imports of ours."""
