"""Vulnerabilities of source packages, and the versions that fix them."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from debian.debian_support import Version

from package_cache.bounds import check_bound
from package_cache.names import SourcePackage

CVE = re.compile(r"CVE-(?P<year>[0-9]{4})-(?P<number>[0-9]{4,19})", re.ASCII)
"""A CVE number (CVE record format, `cveId`)."""

Wanted = Mapping[str, Collection[str]]
"""By OS release, such as `debian12`: the names of source packages."""


@dataclass(frozen=True, order=True)
class Fix:
    """A vulnerability of a source package in an OS release, and the version that fixes it."""

    vulnerability: str
    """Its CVE number."""
    fixed: str
    """The first source version of the release without it."""
    since: str = ""
    """The first source version with it; empty if all before `fixed` have it."""
    severity: str = ""
    """In the distribution's own word: Debian's urgency, Ubuntu's priority. Empty if it states none."""

    def concerns(self, version: str) -> bool:
        """Return whether a source version has the vulnerability, in dpkg's order of versions."""
        found = Version(version)
        return found < Version(self.fixed) and (not self.since or found >= Version(self.since))


class Vulnerabilities:
    """What some files state about the source packages that were asked for."""

    def __init__(self, files: Iterable[str]) -> None:
        """`files` are their names, for messages."""
        self.files = tuple(files)
        self.systems: set[str] = set()
        """The OS releases about which the files state something."""
        self._fixes: dict[tuple[str, str], set[Fix]] = {}
        self._number = 0

    def add(self, system: str, source: str, fix: Fix, file: str) -> None:
        """Keep a fix. Raises `BoundError` for `file` where those kept are too many."""
        fixes = self._fixes.setdefault((system, source), set())
        self._number += fix not in fixes
        check_bound("vulnerabilities", self._number, file)
        fixes.add(fix)

    def of(self, system: str, source: SourcePackage, newest: str | None = None) -> tuple[Fix, ...]:
        """Return the vulnerabilities of a source version; with `newest` those that this version fixes."""
        found = [fix for fix in self._fixes.get((system, source.name), ()) if fix.concerns(source.version)]
        kept = [fix for fix in found if newest is None or Version(fix.fixed) <= Version(newest)]
        return tuple(sorted(kept, key=lambda fix: (_by_number(fix.vulnerability), fix)))

    def missing(self, system: str) -> str:
        """Return a sentence where the files state nothing about an OS release, else an empty text."""
        return "" if system in self.systems else f"no data on {system} in {', '.join(self.files)}"


Reader = Callable[[Wanted], Vulnerabilities]
"""Reads the given files, for some source packages."""


def _by_number(cve: str) -> tuple[int, int]:
    match = CVE.fullmatch(cve)
    return (int(match["year"]), int(match["number"])) if match else (0, 0)
