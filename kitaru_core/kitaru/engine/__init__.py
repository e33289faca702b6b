"""The engine: drives flows, finds calls again in the journal, and records what happens at each boundary."""
