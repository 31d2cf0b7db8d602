"""Fixtures of the fuzz tests."""

from tests.fuzz.counts import tried

__all__ = ["tried"]
