"""Running single commands aside from the flow's own process."""
