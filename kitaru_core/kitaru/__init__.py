"""kitaru: the durable runtime underneath AI agents."""
