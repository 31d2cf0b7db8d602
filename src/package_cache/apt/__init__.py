"""Apt, on this machine and in a container's place: what it is asked, and what its words mean."""
