"""Why a group of a manifest cannot be locked, as problems at the lines that say so, each with what to write instead."""

import difflib
import fnmatch
import re
from collections.abc import Iterable, Iterator

from package_cache.apt.messages import NOT_CHOSEN, NOT_INSTALLABLE, Unmet, unmet
from package_cache.apt.solver import Apt, NoPlanError
from package_cache.errors import Problem
from package_cache.manifest.model import Group, Pin
from package_cache.resolve.release_images import NoImageError
from package_cache.system import System

_LIMITED = "where that is meant for other systems only, name them: systems = [...]"


def pins_without_effect(pins: Iterable[Pin], apt: Apt, system: System) -> Iterator[Problem]:
    """Yield a problem for each pin that matches nothing: apt would ignore it silently."""
    for pin in pins:
        found = {pattern: fnmatch.filter(apt.names(), pattern) for pattern in pin.packages}
        for pattern in (pattern for pattern, names in found.items() if not names):
            yield pin.place.problem(f"it pins {pattern!r}, and there is no such package in {system.name}", _LIMITED)
        matching = sorted({name for names in found.values() for name in names})
        there = apt.versions(*matching) if pin.version is not None else []
        if pin.version is not None and matching and not fnmatch.filter(there, pin.version):
            what = f"it pins {', '.join(pin.packages)} to {pin.version!r}"
            message = f"{what}, and there is no such version in {system.name}"
            yield pin.place.problem(message, f"there are: {', '.join(there) or 'none'}; {_LIMITED}")


def not_taken(group: Group, names: set[str], apt: Apt, system: System) -> list[Problem]:
    """Return a problem for each request that apt answered with another package: a virtual name, or a pattern to it."""
    return [
        item.place.problem(
            f"{item.request.name!r} is no package of its own in {system.name}", _real(item.request.name, apt)
        )
        for item in group.packages_on(system.architecture)
        if item.request.name not in names
    ]


MOST_NAMES = 20
"""Of providers in a message: some names that interpreters provide have hundreds."""


def _real(name: str, apt: Apt) -> str:
    """Return which real packages can be asked for instead of a virtual one."""
    names = apt.providers(name)
    if not names:
        return "name another package: none that apt would take provides it"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"name a real package that provides it: {', '.join(names[:MOST_NAMES])}{more}"


def not_answered(group: Group, names: set[str]) -> list[Problem]:
    """Return a problem for each answer to a package that a group takes nowhere."""
    return [
        place.problem(f"the group does not install {answer.package!r}", "name one of the packages that it installs")
        for answer, place in group.debconf
        if answer.package not in names and len(group.architectures) == 1
    ]


_MISSING = re.compile(r"E: Unable to locate package (\S+)")
_VIRTUAL = re.compile(r"E: Package '?(\S+?)'? has no installation candidate")
_NO_VERSION = re.compile(r"E: Version .(\S+). for .(\S+). was not found")


def explain(error: NoPlanError, group: Group, apt: Apt, system: System) -> list[Problem]:
    """Turn apt's words about a group into problems at the packages they name, else one at the group."""
    requested = [(item.place, item.request) for item in group.packages_on(system.architecture)]
    problems = []
    for name, message, hint in _unavailable(error.words, group, apt, system):
        named = [place for place, of in requested if name in (of.name, f"{of.name}:{of.architecture}")]
        problems += [place.problem(message, hint) for place in named or [group.place]]
    if not problems:
        indented = error.words.replace("\n", "\n    ")
        where, hint = system.name, error.hint or _next_step(error.words)
        if isinstance(error, NoImageError):
            hint = f"ask for another package or version: every image of {where} has what is in the way"
            where = f"any image of {where}"
        problems.append(
            group.place.problem(f"group {group.name!r} cannot be installed in {where}:\n    {indented}", hint)
        )
    return problems


def _unavailable(words: str, group: Group, apt: Apt, system: System) -> Iterator[tuple[str, str, str]]:
    """Yield each package that apt names because it cannot be had, what is wrong, and what to write instead."""
    where = str(system) if len(group.architectures) > 1 else system.name
    for name in _MISSING.findall(words):
        wrong = name.partition(":")[0]
        # Only names of about its length: difflib is slow over 70,000.
        likely = [it for it in apt.names() if abs(len(it) - len(wrong)) <= 3 and {*it[:2]} & {*wrong[:2]}]
        near = ", ".join(difflib.get_close_matches(wrong, likely, n=3, cutoff=0.75))
        hint = f"near names: {near}" if near else "look it up in the distribution's package search"
        others = [other for other in group.architectures if other != system.architecture]
        if others:
            some = ", ".join(f'"{other}"' for other in others)
            hint = f'{hint}\n    where only others have it: {{ name = "{name}", architectures = [{some}] }}'
        yield name, f"there is no package {name!r} in {where}", hint
    for name in _VIRTUAL.findall(words):
        message = f"{name!r} is a virtual package or one that only others mention, in {where}"
        yield name, message, _real(name.partition(":")[0], apt)
    for version, name in _NO_VERSION.findall(words):
        versions = ", ".join(apt.versions(name.partition(":")[0])) or "none"
        yield name, f"{name!r} has no version {version!r} in {where}", f"there are: {versions}"


def _next_step(words: str) -> str:
    """Return the next step where apt found no plan, by the first kind of obstacle that it names."""
    found = [item for item in unmet(words) if item.relation in ("Depends", "Pre-Depends", "Recommends")]
    nowhere = [item for item in found if NOT_INSTALLABLE in item.said]
    later = [item for item in found if NOT_CHOSEN in item.said]
    if nowhere:
        return f"name a repository that has {_listed(nowhere)}: a [[repository]] in package-cache.toml"
    if found and len(later) == len(found):
        names = ", ".join(dict.fromkeys(item.name for item in later))
        return f"ask for {names} as well, among the packages: then apt says what is in the way"
    if found:
        request = f"{found[0].package.partition(':')[0]}=VERSION"
        return f"name a version that goes with the others, such as {request}, or a repository that has {_listed(found)}"
    return "put what does not go together into groups of their own, or name other versions, such as NAME=VERSION"


def _listed(relations: Iterable[Unmet]) -> str:
    return ", ".join(dict.fromkeys(f"{item.name} {item.version}".rstrip() for item in relations))
