"""Places where the body of a checkpoint can run."""
