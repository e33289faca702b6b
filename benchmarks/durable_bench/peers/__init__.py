"""One module per engine; each holds a class `Peer` whose methods are the pieces of work it can do."""
