"""Parses what apt(8) prints of unmet dependencies, for each package that has some (apt-private/private-output.cc):

wanted : Depends: needed (= 2.0) but 1.0 is to be installed
         Conflicts: enemy but 1.0 is to be installed
"""

import re
from dataclasses import dataclass

NOT_CHOSEN = "is not going to be installed"
"""Apt's words for a package that it could have had but for something else, which it does not tell."""
NOT_INSTALLABLE = "is not installable"
"""Apt's words for a package that none of its repositories has."""

_LINE = re.compile(
    r" (?:(\S+) :)? +(?:(Pre-?Depends|Depends|Recommends|Conflicts|Breaks): )?(\S+)(?: (\(\S+ \S+\)))?(.*)"
)


@dataclass(frozen=True)
class Unmet:
    """One relation that apt could not have."""

    package: str
    relation: str
    """`Depends`, `Conflicts`, ..."""
    name: str
    version: str
    """With its sign, such as `(>= 2)`; or none."""
    said: str


def unmet(words: str) -> list[Unmet]:
    """Return the rows of apt's table of unmet dependencies."""
    found = []
    package, relation = "", "Depends"
    for line in words.splitlines():
        match = _LINE.fullmatch(line)
        package = match[1] or package if match else ""
        if match and package:
            relation = (match[2] or relation).replace("PreDepends", "Pre-Depends")
            found.append(Unmet(package, relation, match[3], match[4] or "", match[5]))
    return found
