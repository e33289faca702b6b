"""Stacks: named places where executions run; one of them is active."""
