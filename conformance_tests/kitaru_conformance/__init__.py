"""The published conformance suite: one exam for every adapter, journal and store."""
