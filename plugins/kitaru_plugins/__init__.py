"""Plugins that come with kitaru and enter through the same hooks as anybody else's."""
