"""The `kitaru` program."""
