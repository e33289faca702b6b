"""What adapters share: strategy checks, capture policies, passthrough, streams, limits."""
