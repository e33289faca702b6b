"""What adapters share: checks of their arguments, capture, usage records, live streams. Imports no framework."""
