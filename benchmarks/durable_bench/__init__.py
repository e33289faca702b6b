"""Durable engines side by side: the same work, in one run, at equal durability.

Everything that a peer's own virtualenv must import (`worker`, `meter`, `peers`) needs the standard library only.
"""
