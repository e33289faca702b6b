"""The adapter for the Gemini Interactions API; its public names are in `kitaru.adapters.gemini`."""
