"""Package files: what they say of themselves, and the same content in another compression."""
