"""The shell programs that run in containers: each is joined from its own file and the parts that it names.

A program names a part by a line `. shared/report.sh`, relative to this folder, and travels as one file that needs
nothing beside it. What they promise: `docs/installer.md`, `docs/plugins.md`. Their exit statuses: `exit_statuses`.
"""

import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent

_PART = re.compile(r"^\. (\S+\.sh)\n", re.MULTILINE)


@cache
def joined(program: Path) -> str:
    """Return the text of a program with each line that names a part replaced by that part."""
    return _PART.sub(lambda line: (HERE / line[1]).read_text(encoding="utf-8"), program.read_text(encoding="utf-8"))


def install_group() -> str:
    """Return the installer, which every cache carries."""
    return joined(HERE / "install_group.sh")


def online_fallback() -> str:
    """Return the program that installs packages from the image's own apt sources."""
    return joined(HERE / "online_fallback.sh")
