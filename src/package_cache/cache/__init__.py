"""A cache on disk: its layout, the pool, the index of each group, and the description of all."""
