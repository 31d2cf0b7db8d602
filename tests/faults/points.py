"""An installer with marked points: where each function begins and ends, and where each branch and loop begins.

Each counts itself when it is reached. At the one whose number is PACKAGE_CACHE_POINT the installer sends itself the
signal PACKAGE_CACHE_SIGNAL. Each writes its number and line to the file PACKAGE_CACHE_POINTS, if that is set.
"""

import re

HOOK = r"""
POINT=0
_point() {
    _point_status=$?
    POINT=$((POINT + 1))
    [ -z "${PACKAGE_CACHE_POINTS-}" ] || echo "${POINT} $1" >>"${PACKAGE_CACHE_POINTS}"
    [ "${POINT}" != "${PACKAGE_CACHE_POINT-0}" ] || kill -s "${PACKAGE_CACHE_SIGNAL}" "$$"
    return "${_point_status}"
}
"""
"""Stands before the first function. It hands on the status that it found, since the last one is a function's own."""

HEAD = re.compile(r"^\w+\(\) \{$")
BLOCK = re.compile(r"^(?!\s*#).*(?:(?:^|;)\s*(?:do|then)|^\s*else)$")


def with_points(installer: str) -> str:
    """Return the text of an installer with points in it."""
    lines: list[str] = []
    here_document = ""
    for number, line in enumerate(installer.splitlines(), 1):
        if here_document:
            here_document = "" if line == here_document else here_document
            lines.append(line)
            continue
        if HEAD.match(line) and HOOK not in lines:
            lines.append(HOOK)
        if line == "}":
            lines.append(f"_point {number}")
        lines.append(line)
        if HEAD.match(line) or BLOCK.match(line):
            lines.append(f"_point {number}")
        found = re.search(r"<<'?(\w+)'?$", line)
        here_document = found[1] if found else ""
    return "\n".join(lines) + "\n"
