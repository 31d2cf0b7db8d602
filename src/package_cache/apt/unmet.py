"""Parses apt's table of unmet dependencies (apt-private/private-output.cc), which explains a failure:

wanted : Depends: needed (= 2.0) but 1.0 is to be installed
         Conflicts: enemy but 1.0 is to be installed
"""

import re
from dataclasses import dataclass

NOT_CHOSEN = "is not going to be installed"
"""Apt's message for a package that is available, but excluded by a reason that apt does not print."""
NOT_INSTALLABLE = "is not installable"
"""Apt's message for a package that no repository has."""

_LINE = re.compile(
    r" (?:(\S+) :)? +(?:(Pre-?Depends|Depends|Recommends|Conflicts|Breaks): )?(\S+)(?: (\(\S+ \S+\)))?(.*)"
)


@dataclass(frozen=True)
class Unmet:
    """One relation that apt could not satisfy."""

    package: str
    relation: str
    """`Depends`, `Conflicts`, ..."""
    name: str
    version: str
    """With its operator, such as `(>= 2)`; or empty."""
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
