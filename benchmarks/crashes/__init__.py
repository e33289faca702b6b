"""Crash campaigns: random programs, real kills, and an exact account of what ran, what was lost, what ran twice."""
