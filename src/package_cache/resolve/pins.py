"""Pins of a manifest that match nothing."""

import fnmatch
from collections.abc import Iterable, Iterator

from package_cache.apt.solver import Apt
from package_cache.errors import Problem
from package_cache.manifest.model import Pin
from package_cache.system import System

LIMITED = "where that is meant for other systems only, name them: systems = [...]"


def pins_without_effect(pins: Iterable[Pin], apt: Apt, system: System) -> list[Problem]:
    """Return a problem for each pin that matches nothing: apt would ignore it silently."""
    return [problem for pin in pins for problem in _without_effect(pin, apt, system)]


def _without_effect(pin: Pin, apt: Apt, system: System) -> Iterator[Problem]:
    matching: set[str] = set()
    for pattern in pin.packages:
        found = fnmatch.filter(apt.names(), pattern)
        matching.update(found)
        if not found:
            yield pin.place.problem(f"it pins {pattern!r}, and there is no such package in {system.name}", LIMITED)
    if pin.version is None or not matching:
        return
    there = apt.versions(*sorted(matching))
    if not fnmatch.filter(there, pin.version):
        message = f"it pins {', '.join(pin.packages)} to {pin.version!r}, and there is no such version in {system.name}"
        yield pin.place.problem(message, f"there are: {', '.join(there) or 'none'}; {LIMITED}")
