"""Recordings: what an installation changed in an image, written once, so that containers repeat it without dpkg."""
