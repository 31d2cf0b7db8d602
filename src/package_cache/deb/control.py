"""What a package file says about itself, read by dpkg-deb."""

import contextlib
import re
from collections import Counter
from pathlib import Path

from package_cache.errors import PackageCacheError, VerificationError
from package_cache.filesystem.tar_stream import BROKEN, Meter, tar_stream
from package_cache.filesystem.temporary import refuse_full_temporary_folder
from package_cache.process import CommandError, piped, run

PARAGRAPH = re.compile(r"(?:[!\"$-,.-9;-~][!-9;-~]*:.*\n(?:[ \t]+\S.*\n)*)+", re.ASCII)
"""One paragraph of deb822(5). dpkg-deb shows whatever is there; in an index an empty line would begin another one."""


def control_text(path: Path) -> str:
    """Return the control paragraph of a `.deb` file, its fields unchanged (dpkg-deb(1), --field).

    Raises `VerificationError` if the file is not a package that dpkg can read, `ToolMissingError`, and
    `OSError` where dpkg-deb has no place for its temporary files.
    """
    hint = "delete the file and build the cache again: it is downloaded again"
    try:
        text = run(["dpkg-deb", "--field", str(path)], timeout=60).stdout.strip("\n") + "\n"
    except CommandError as error:
        refuse_full_temporary_folder()
        raise VerificationError(f"cannot read {path} as a package", details=error.output, hint=hint) from error
    if not PARAGRAPH.fullmatch(text):
        raise VerificationError(f"cannot read {path} as a package: its control file is not one paragraph", hint=hint)
    return text


SPACE = "Installed-Size-In"
"""Our own field: how many KiB a package takes in which folders, as `/etc 8, /usr/lib 120`."""

_SPACE = re.compile(rf"^{SPACE}:.*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE)
_FOLDER = re.compile(r"[A-Za-z0-9._+-]+", re.ASCII)

DEEPER = ("opt", "srv", "usr", "var")
"""Folders below which others are often file systems of their own."""

BLOCK_KIB = 4
"""What a file takes at least, and by which it grows, in the usual file systems."""


def control_with_space(path: Path) -> str:
    """Return the control paragraph of a `.deb` file, with `SPACE` in place of a field of that name.

    Raises as `control_text` does. A content counts as far as it can be read: dpkg would refuse it as well.
    """
    text = _SPACE.sub("", control_text(path))
    space = ", ".join(f"{folder} {size}" for folder, size in sorted(_space(path).items()))
    return f"{text}{SPACE}: {space}\n" if space else text


def _space(path: Path) -> Counter[str]:
    """Return the KiB that a package takes in each folder that may be a file system of its own, in whole blocks."""
    found: Counter[str] = Counter()
    with (
        contextlib.suppress(PackageCacheError, *BROKEN),
        piped(["dpkg-deb", "--fsys-tarfile", str(path)]) as tar,
        tar_stream(tar, Meter(f"the package {path.name}")) as (_, members),
    ):
        for member in members:
            size = member.size if member.isreg() else 0
            found[_folder(member.name)] += BLOCK_KIB * (-(-size // (BLOCK_KIB << 10)) or 1)
    return found


def _folder(name: str) -> str:
    """Return the folder in which a file lies: one below the root or, of `DEEPER`, below that."""
    folders = name.removeprefix("./").split("/")[:-1]
    folders = folders[: 2 if folders and folders[0] in DEEPER else 1]
    return "/" + "/".join(folders) if all(map(_FOLDER.fullmatch, folders)) else "/"
