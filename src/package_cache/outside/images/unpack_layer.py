"""Unpacks one layer of an image into a root: a program of its own, for it changes its root before it writes anything.

    python unpack_layer.py ROOT <STREAM

STREAM is a line of JSON, `{"gone": [...], "opaque": [...]}`, paths that lower layers have no longer, and a tar archive.
Whatever links an image has, they lead to nothing outside of ROOT. Needs nothing but Python's own library, all of which
is loaded before the root is changed.
"""

import contextlib
import json
import os
import shutil
import stat
import sys
import tarfile
from typing import Any

TRUSTED: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
"""Owners, modes and links as they are; the first Pythons that know no filters do that anyway."""


def main() -> None:
    """Unpack what comes on standard input."""
    os.chroot(sys.argv[1])
    os.chdir("/")
    os.umask(0o022)
    hidden = json.loads(sys.stdin.buffer.readline())
    for path in hidden["gone"]:
        remove(f"/{path}")
    for path in hidden["opaque"]:
        if os.path.isdir(f"/{path}") and not os.path.islink(f"/{path}"):  # noqa: PTH112, PTH114 - bare strings
            for name in os.listdir(f"/{path}"):  # noqa: PTH208
                remove(f"/{path}/{name}")
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        for member in archive:
            unpack(archive, member)
            archive.members = []  # type: ignore[attr-defined]  # else it remembers every one of them


def unpack(archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    """Unpack one member over what lower layers have there."""
    member.name = os.path.normpath(f"/{member.name}").lstrip("/")
    if not member.name or os.path.basename(member.name).startswith(".wh."):  # noqa: PTH119
        return
    if member.islnk():
        member.linkname = os.path.normpath(f"/{member.linkname}").lstrip("/")
    place = f"/{member.name}"
    make_way(os.path.dirname(place))  # noqa: PTH120
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not (member.isdir() and stat.S_ISDIR(os.lstat(place).st_mode)):
            remove(place)
    try:
        archive.extract(member, "/", numeric_owner=True, **TRUSTED)
    except OSError:
        if not member.isdev():  # a user namespace may make no devices
            raise


def make_way(folder: str) -> None:
    """Make the folders above a member where a layer does not name them; what else is in their place goes."""
    if not os.path.isdir(folder):  # noqa: PTH112 - through links, too
        make_way(os.path.dirname(folder))  # noqa: PTH120
        remove(folder)
        os.mkdir(folder, 0o755)  # noqa: PTH102


def remove(place: str) -> None:
    """Remove whatever is there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(os.lstat(place).st_mode):
            shutil.rmtree(place)
        else:
            os.unlink(place)  # noqa: PTH108


if __name__ == "__main__":
    try:
        main()
    except (OSError, tarfile.TarError, EOFError, ValueError, OverflowError, KeyError, RecursionError) as error:
        sys.exit(str(error) or type(error).__name__)
