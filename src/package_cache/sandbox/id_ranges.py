"""The user and group ids of a user namespace (user_namespaces(7)): root in it has no rights outside."""

import contextlib
import os
import pwd
from pathlib import Path
from typing import Literal

from package_cache.errors import PackageCacheError
from package_cache.process import run

IDS = 65536
"""How many ids a root needs: 0 up to `nobody`, 65534 (Debian Policy section 9.2.2)."""

UNUSED = 1_900_000_000
"""First id of a range that nothing on a machine has, by systemd's table of ranges (UIDS-GIDS)."""

Kind = Literal["uid", "gid"]
Extent = tuple[int, int, int]
"""First id inside, first id outside, count."""


def identities(kind: Kind) -> tuple[Extent, ...]:
    """Return the ids that our user namespaces have, ascending and without a gap. Raise `PackageCacheError`.

    Root inside is the user itself, with the user's range of /etc/subuid (subuid(5)) for the others. Where root
    starts it, no id inside is an id of this machine: they are root's own range, or else an unused one.
    """
    own = os.geteuid() if kind == "uid" else os.getegid()
    first = _first_of_range(Path(f"/etc/sub{kind}"))
    if os.geteuid() == 0:
        start, count = map(int, Path(f"/proc/self/{kind}_map").read_text().splitlines()[-1].split()[::2])
        wanted = UNUSED if first is None else first
        # a container has few ids: all of them but its root's
        begin = wanted if start <= wanted and wanted + IDS <= start + count else max(1, start, start + count - IDS)
        if (have := min(IDS, start + count - begin)) < IDS - 1:
            raise PackageCacheError(f"cannot be root in a user namespace: {have} ids are here, and it needs {IDS - 1}")
        return ((0, begin, have),)
    if first is None:
        user = _names()[-1]
        raise PackageCacheError(
            f"cannot be root in a user namespace: /etc/sub{kind} has no {IDS} further ids for user {user}",
            hint=f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
        )
    return ((0, own, 1), (1, first, IDS - 1))


def own_ids(kind: Kind) -> int:
    """Return how many ids our own user namespace has: files of roots can have no others."""
    return sum(int(line.split()[2]) for line in Path(f"/proc/self/{kind}_map").read_text().splitlines())


def write_identities(pid: int) -> None:
    """Write the maps of the new user namespace of process `pid`; an ordinary user needs newuidmap(1) for that.

    Raise `ToolMissingError` if newuidmap is missing.
    """
    kinds: tuple[Kind, ...] = ("uid", "gid")
    for kind in kinds:
        extents = identities(kind)
        if os.geteuid() == 0:
            Path(f"/proc/{pid}/{kind}_map").write_text("".join("{} {} {}\n".format(*extent) for extent in extents))
        else:
            run([f"new{kind}map", str(pid), *(str(number) for extent in extents for number in extent)], timeout=10)


def _first_of_range(table: Path) -> int | None:
    for line in table.read_text().splitlines() if table.is_file() else ():
        name, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if name in _names() and first.isdigit() and count.isdigit() and int(count) >= IDS - 1:
            return int(first)
    return None


def _names() -> list[str]:
    names = [str(os.geteuid())]
    with contextlib.suppress(KeyError):  # an id without a name, as containers have
        names.append(pwd.getpwuid(os.geteuid()).pw_name)
    return names
