"""A small copy of apt's lists: only the packages that some requests could ever need, for a solver that looks at all.

`apt-get install` looks at every dependency of every package that its lists know, 70,000 of them, before it begins. From
an empty dpkg status only packages count that a chain of dependencies reaches, whichever of their alternatives, of their
providers and of their versions; the others cannot change a plan. `apt-cache depends --recurse` finds them at once.
"""

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path

from package_cache.apt.solver import Apt
from package_cache.names import PackageRequest

BLOCK = 1 << 20
"""Bytes of a list that are looked at in one go: lists have up to 80 MB."""


def reachable_names(apt: Apt, requests: Sequence[PackageRequest], *, recommends: bool) -> frozenset[bytes] | None:
    """Return the names of all packages that a chain of dependencies reaches, None if no request is known."""
    kinds = ("suggests", "enhances", "conflicts", "breaks", "replaces", *([] if recommends else ["recommends"]))
    wanted = dict.fromkeys(str(request) for request in requests)
    completed = apt.run(["apt-cache", "depends", "--recurse", *(f"--no-{kind}" for kind in kinds), "--", *wanted])
    if completed.returncode != 0:
        return None
    heads = (line for line in completed.stdout.splitlines() if line and not line[0].isspace())
    return frozenset(line.partition(":")[0].encode() for line in heads)


def copy_lists(lists: Path, small: Path, names: Collection[bytes]) -> None:
    """Write a state of apt into the new folder `small` whose lists have only packages of these names."""
    for name in ("lists/partial", "cache/archives/partial"):
        (small / name).mkdir(parents=True)
    for path in lists.iterdir():
        if path.name.endswith("_Packages"):
            _write_reachable(path, small / "lists" / path.name, names)
        elif path.name.endswith("Release"):
            (small / "lists" / path.name).symlink_to(path.absolute())


def _write_reachable(source: Path, target: Path, names: Collection[bytes]) -> None:
    """Copy the paragraphs of these packages, and every paragraph whose first field is not `Package`."""
    rest = b""
    with source.open("rb") as reader, target.open("wb") as writer:
        for block in itertools.chain(iter(lambda: reader.read(BLOCK), b""), [b"\n\n"]):  # the end of the last one
            *paragraphs, rest = (rest + block).split(b"\n\n")
            for paragraph in paragraphs:
                name = paragraph.partition(b"\n")[0].removeprefix(b"Package: ")
                if name.lower() in names or (name and not paragraph.startswith(b"Package: ")):
                    writer.write(paragraph + b"\n\n")
