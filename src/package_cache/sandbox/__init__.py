"""Roots of releases, made once, and the disposable copies in which commands run."""
