"""The seed's format: a line a group and OS release, in three or four columns.

    # group_name, os, packages(space-gapped), precommands
    ssh,ubuntu18.04,openssh-client openssh-server
    tool,ubuntu18.04,tool,curl -o /etc/apt/trusted.gpg.d/tool.asc https://… && echo 'deb [arch=amd64,i386] …' > …

Lines that are blank or begin with `#` say nothing. Everything after the third comma is the precommands, commas and
`#` included: it is shell, so only the blanks at its ends are taken off.
"""

import re
from pathlib import Path

from package_cache.manifest.checks import (
    CONTROL,
    FirstPlaces,
    Found,
    Problems,
    check_group_name,
    check_packages,
    check_system,
    without_blank,
)
from package_cache.manifest.model import Group, Manifest, Place, RequestedPackage
from package_cache.names import POLICY_NAME

SHAPE = "write: group,system,packages with spaces between them[,precommands]"
FIELDS = ("group's name", "OS release", "list of packages")


def read_columns(text: str, path: Path, digest: str, problems: Problems) -> Manifest:
    """Read the text of `path` (a name for messages only); what is wrong goes to `problems`."""
    reader = _Reader(problems)
    # Not splitlines(): it would also break lines at form feeds and Unicode's separators, which shells keep.
    for number, line in enumerate(text.split("\n"), start=1):
        reader.line(number, line.removesuffix("\r"))
    return Manifest(path, digest, tuple(reader.groups))


class _Reader:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.groups: list[Group] = []
        self.places = FirstPlaces(problems)

    def line(self, number: int, line: str) -> None:
        if not line.strip() or line.lstrip().startswith("#"):
            return
        control = CONTROL.search(line)
        if control:
            place = self.problems.place(number, control.start() + 1)
            self.problems.add(place, f"holds the control character {control.group()!r}", "leave it out")
            return
        fields = self._fields(number, line)
        if len(fields) < len(FIELDS):
            place = self.problems.place(number, len(line) - len(line.lstrip()) + 1)
            self.problems.add(place, f"has {len(fields)} of at least {len(FIELDS)} columns", SHAPE)
        for name, (text, place) in zip(FIELDS, fields, strict=False):
            if not text:
                self.problems.add(place, f"the {name} is empty", SHAPE)
        if len(fields) >= len(FIELDS):
            self._group(fields)

    def _fields(self, number: int, line: str) -> list[Found]:
        """Split a line at its first three commas and strip each field."""
        found, column = [], 1
        for field in line.split(",", len(FIELDS)):
            text = field.strip()
            blank = len(field) - len(field.lstrip()) if text else 0
            found.append((text, self.problems.place(number, column + blank)))
            column += len(field) + 1
        return found

    def _group(self, fields: list[Found]) -> None:
        name = check_group_name(fields[0], self.problems) if fields[0][0] else None
        system = check_system(fields[1], self.problems) if fields[1][0] else None
        packages = self._packages(fields[2])
        if name is None or system is None:
            return
        place = fields[1][1]
        what = f"group {name!r} for {system.name}"
        self.places.check((name, system.name), place, what, "put all its packages on one line")
        precommands = self._precommands(*fields[3]) if len(fields) > len(FIELDS) else None
        self.groups.append(Group(name, system.distribution, system.version, packages, place, precommands=precommands))

    def _precommands(self, text: str, place: Place) -> str | None:
        """Return the precommands; what reads like further packages is refused: it would run as shell."""
        if text and all(POLICY_NAME.fullmatch(word.strip()) for word in text.split(",")):
            self.problems.add(place, f"{text!r} stands where precommands do", "separate packages with spaces")
        return without_blank(text)

    def _packages(self, found: Found) -> tuple[RequestedPackage, ...]:
        text, place = found
        column = place.column or 1
        words: list[Found] = []
        for match in re.finditer(r"\S+", text):
            at = self.problems.place(place.line, column + match.start())
            if match.group().startswith("#"):
                self.problems.add(at, "a comment stands behind packages", "give it a line of its own")
                break
            words.append((match.group(), at))
        return check_packages(words, self.problems)
