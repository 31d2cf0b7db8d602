"""`lock`: from a manifest to exact versions, what of an earlier lock is kept, and what images need."""
