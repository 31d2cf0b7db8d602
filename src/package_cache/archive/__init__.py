"""Distributions' archives: which there are, where they lie, whose keys vouch for them, and their files fetched."""
