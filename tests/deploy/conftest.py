"""Rooms and caches as the installer's tests have them."""

from tests.installer.conftest import cache, debs, open_room, room, system

__all__ = ["cache", "debs", "open_room", "room", "system"]
