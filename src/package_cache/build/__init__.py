"""`build`: from a lock to a cache and its pool."""
