"""Prepare named groups of system packages once; install them in any container of that OS, offline."""

__version__ = "0.1.0"
