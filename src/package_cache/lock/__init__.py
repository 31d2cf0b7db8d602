"""The lock: exact versions, hashes and origins of everything that a manifest's groups need."""
