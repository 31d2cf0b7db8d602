"""Unpacks one layer of an image into a root: a program of its own, for it changes its root before it writes anything.

    python unpack_layer.py ROOT MEMORY BYTES <STREAM

MEMORY and BYTES bound its own memory and one file. STREAM is lines of JSON, each a path that lower layers have no
longer (`["gone", PATH]`, or `["opaque", PATH]`: what lies below it), an empty line, and a tar archive.
Whatever links an image has, they lead to nothing outside of ROOT. Needs nothing but Python's own library, all of which
is loaded before the root is changed.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import stat
import sys
import tarfile
from collections.abc import Callable
from typing import Any

TRUSTED: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
"""Owners, modes and links as they are; the first Pythons that know no filters do that anyway."""

MOST_LINKS = 40
"""On one way: the kernel's own limit."""


def followed(path: str, link: Callable[[str, int, bool], str | None]) -> str:
    """Return where a path leads, without a slash at its end.

    `link` returns the target of a symbolic link at a place, or None where the walk goes on in that place. It is also
    told how many links were followed, and whether the path goes on.
    """
    done, hops = "", 0
    waiting = path.split("/")[::-1]
    while waiting:
        part = waiting.pop()
        if part == "..":
            done = done.rpartition("/")[0]
        elif part not in ("", "."):
            target = link(f"{done}/{part}", hops, bool(waiting))
            if target is None:
                done = f"{done}/{part}"
            else:
                hops += 1
                waiting += target.split("/")[::-1]
                done = "" if target.startswith("/") else done
    return done


def main() -> None:
    """Unpack what comes on standard input."""
    os.chroot(sys.argv[1])
    os.chdir("/")
    os.umask(0o022)
    for kind, limit in ((resource.RLIMIT_DATA, sys.argv[2]), (resource.RLIMIT_FSIZE, sys.argv[3])):
        resource.setrlimit(kind, (int(limit), int(limit)))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that is too large is then an error (setrlimit(2))
    layer = Unpacked()
    while (line := sys.stdin.buffer.readline()) != b"\n":
        kind_of, path = json.loads(line)
        if kind_of == "gone":
            folder, _, name = path.rpartition("/")
            remove(f"{layer.folder(folder)}/{name}")
        else:
            folder = layer.folder(path)
            for name in os.listdir(folder or "/"):  # noqa: PTH208 - bare strings
                remove(f"{folder}/{name}")
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        for member in archive:
            layer.unpack(archive, member)
            archive.members = []  # type: ignore[attr-defined]  # else it remembers every one of them


class Unpacked:
    """The layer: as `oci.layered_files` has it, only its own links are followed."""

    def __init__(self) -> None:
        self.links: set[str] = set()

    def unpack(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Unpack one member over what lower layers have there."""
        name = os.path.normpath(f"/{member.name}").lstrip("/")
        if not name or os.path.basename(name).startswith(".wh."):  # noqa: PTH119
            return
        place = self.place(name)
        member.name = place.lstrip("/")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if not (member.isdir() and stat.S_ISDIR(os.lstat(place).st_mode)):
                remove(place)
        self.links.discard(place)
        if member.issym():
            self.links.add(place)
        if member.islnk():  # tarfile itself follows a link that has a second name
            os.link(self.place(member.linkname), place, follow_symlinks=False)
            return
        try:
            archive.extract(member, "/", numeric_owner=True, **TRUSTED)
        except OSError:
            if not member.isdev():  # a user namespace may make no devices
                raise

    def place(self, name: str) -> str:
        """Return where a member lies; create the folders above it."""
        folder, _, last = os.path.normpath(f"/{name}").lstrip("/").rpartition("/")
        return f"{self.folder(folder)}/{last}"

    def folder(self, path: str) -> str:
        """Return where a folder lies, without a slash at its end; remove anything else in its place."""
        return followed(path, self._link)

    def _link(self, here: str, hops: int, _: bool) -> str | None:
        if here in self.links and os.path.islink(here) and hops < MOST_LINKS:  # noqa: PTH114
            return os.readlink(here)  # noqa: PTH115
        if os.path.islink(here) or not os.path.isdir(here):  # noqa: PTH112, PTH114
            remove(here)
            os.mkdir(here, 0o755)  # noqa: PTH102
        return None


def remove(place: str) -> None:
    """Remove whatever is there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(os.lstat(place).st_mode):
            shutil.rmtree(place)
        else:
            os.unlink(place)  # noqa: PTH108


_FAILURES = (OSError, tarfile.TarError, EOFError, ValueError, OverflowError, KeyError, RecursionError, MemoryError)

if __name__ == "__main__":
    try:
        main()
    except _FAILURES as error:
        sys.exit(str(error) or type(error).__name__)
