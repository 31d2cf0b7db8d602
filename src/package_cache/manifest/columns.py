"""The seed's format: a line a group and OS release, in three or four columns.

    # group_name, os, packages(space-gapped), precommands
    ssh,ubuntu18.04,openssh-client openssh-server
    tool,ubuntu18.04,tool,curl -o /etc/apt/trusted.gpg.d/tool.asc https://… && echo 'deb [arch=amd64,i386] …' > …

Lines that are blank or begin with `#` say nothing. Everything after the third comma is the precommands, commas and
`#` included: it is shell, so only the blanks at its ends are taken off.
"""

import re
from pathlib import Path

from package_cache.manifest.checks import CONTROL, Duplicates, Found, Problems, a_name, check_packages, check_system
from package_cache.manifest.model import Group, Manifest, RequestedPackage
from package_cache.names import POLICY_NAME
from package_cache.system import System

SHAPE = "write: group,system,packages with spaces between them[,precommands]"
FIELDS = ("group's name", "OS release", "list of packages")
CHECKS = (a_name("a group"), check_system)


def read_columns(path: Path, digest: str, problems: Problems) -> Manifest:
    """Read the text in `problems`, to which goes what is wrong; `path` is a name for messages only."""
    groups = []
    duplicates = Duplicates(problems)
    # Not splitlines(): it would also break lines at form feeds and Unicode's separators, which shells keep.
    for number, line in enumerate(problems.text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            fields = _fields(number, line.removesuffix("\r"), problems)
            if len(fields) >= len(FIELDS) and (group := _group(fields, problems, duplicates)):
                groups.append(group)
    return Manifest(path, digest, tuple(groups))


def _fields(number: int, line: str, problems: Problems) -> list[Found]:
    """Split a line at its first three commas and strip each field; return none if it has control characters."""
    control = CONTROL.search(line)
    if control:
        place = problems.place(number, control.start() + 1)
        problems.add(place, f"holds the control character {control.group()!r}", "leave it out")
        return []
    found, column = [], 1
    for field in line.split(",", len(FIELDS)):
        text = field.strip()
        blank = len(field) - len(field.lstrip()) if text else 0
        found.append((text, problems.place(number, column + blank)))
        column += len(field) + 1
    if len(found) < len(FIELDS):
        place = problems.place(number, len(line) - len(line.lstrip()) + 1)
        problems.add(place, f"has {len(found)} of at least {len(FIELDS)} columns", SHAPE)
    for name, (text, place) in zip(FIELDS, found, strict=False):
        if not text:
            problems.add(place, f"the {name} is empty", SHAPE)
    return found


def _group(fields: list[Found], problems: Problems, duplicates: Duplicates) -> Group | None:
    (name, _), (release, place) = fields[:2]
    right = [bool(field[0]) and problems.accepts(field, check) for field, check in zip(fields, CHECKS, strict=False)]
    packages = _packages(fields[2], problems)
    if not all(right):
        return None
    duplicates.check((name, release), place, f"group {name!r} for {release}", "put all its packages on one line")
    precommands = fields[3][0] if len(fields) > len(FIELDS) else ""
    # What reads like further packages is refused: it would run as shell.
    if precommands and all(POLICY_NAME.fullmatch(word.strip()) for word in precommands.split(",")):
        problems.add(fields[3][1], f"{precommands!r} stands where precommands do", "separate packages with spaces")
    system = System.parse(release)
    return Group(name, system.distribution, system.version, packages, place, precommands=precommands or None)


def _packages(found: Found, problems: Problems) -> tuple[RequestedPackage, ...]:
    text, place = found
    words: list[Found] = []
    for match in re.finditer(r"\S+", text):
        at = problems.place(place.line, (place.column or 1) + match.start())
        if match.group().startswith("#"):
            problems.add(at, "a comment stands behind packages", "give it a line of its own")
            break
        words.append((match.group(), at))
    return check_packages(words, problems)
