"""Values to bytes and back, the place where large bytes are kept, and what is cut out before anything is kept."""
