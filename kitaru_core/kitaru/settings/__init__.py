"""Settings: what may be set where, and which setting wins."""
