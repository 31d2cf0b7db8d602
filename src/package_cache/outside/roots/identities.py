"""The user and group ids of a user namespace: which ones an ordinary user may have there, and how it gets them."""

import contextlib
import os
import pwd
from pathlib import Path

from package_cache.outside.run import run
from package_cache.values.errors import PackageCacheError

IDS = 65536
"""How many ids a root needs: 0 up to `nobody`, 65534 (Debian Policy section 9.2.2)."""


def give_identities(pid: int) -> None:
    """Give the new user namespace of process `pid` its ids, so that root in it is who we are outside.

    An ordinary user gets the others from its ranges in /etc/subuid and /etc/subgid (subuid(5)), by newuidmap(1):
    unshare(1) can do it itself from util-linux 2.38 on only. Root, who may write the maps itself
    (user_namespaces(7)), keeps the ids it has. Raises `PackageCacheError` where there is no range,
    `ToolMissingError` where newuidmap is missing.
    """
    if os.geteuid() == 0:
        for kind in ("uid", "gid"):
            Path(f"/proc/{pid}/{kind}_map").write_text(f"0 0 {_own_ids(kind)}\n")
        return
    for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        first = _first_of_range(Path(f"/etc/sub{kind}"))
        ranges = ("0", str(own), "1", "1", str(first), str(IDS - 1))
        run([f"new{kind}map", str(pid), *ranges], timeout=10)


def _own_ids(kind: str) -> int:
    """Give how many ids we have, from 0 on: fewer than usual where we are in a user namespace ourselves."""
    first, _, count = Path(f"/proc/self/{kind}_map").read_text().splitlines()[0].split()
    return min(int(count), IDS) if first == "0" else 1


def _first_of_range(table: Path) -> int:
    names = {str(os.geteuid())}
    with contextlib.suppress(KeyError):  # an id without a name, as containers have
        names.add(pwd.getpwuid(os.geteuid()).pw_name)
    lines = table.read_text().splitlines() if table.is_file() else []
    for line in lines:
        name, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if name in names and first.isdigit() and count.isdigit() and int(count) >= IDS - 1:
            return int(first)
    user = max(names)
    raise PackageCacheError(
        f"cannot be root in a user namespace: {table} gives user {user} no {IDS} further ids",
        hint=f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
    )
