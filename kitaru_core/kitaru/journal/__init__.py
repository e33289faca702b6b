"""The journal: an append-only record of everything an execution does, and the tables derived from it."""
