"""Roots of releases, made once, and the throw-away copies in which commands run."""
