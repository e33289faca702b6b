"""Adapters of the frameworks that kitaru supports itself; import them as `kitaru.adapters.<framework>`."""
