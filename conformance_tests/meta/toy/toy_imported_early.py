"""A framework that a bad plugin imports when it is listed."""
