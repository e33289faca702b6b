"""The contracts of the suite, each in a module of its own."""
