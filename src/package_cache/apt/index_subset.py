"""A small copy of apt's lists: only the packages that some requests could ever need, for a solver that looks at all.

`apt-get install` looks at every dependency of every package that its lists know, 70,000 of them, before it begins. From
an empty dpkg status only packages count that a chain of dependencies reaches, whichever of their alternatives, of their
providers and of their versions; the others cannot change a plan. `apt-cache depends --recurse` finds them at once.
"""

import contextlib
import itertools
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from package_cache.apt.solver import Apt
from package_cache.filesystem.paths import exclusive
from package_cache.filesystem.plain_links import plain_path
from package_cache.filesystem.state import OPTION
from package_cache.filesystem.write_errors import writing_to
from package_cache.names import PackageRequest

BLOCK = 1 << 20
"""Bytes of a list that are looked at in one go: lists have up to 80 MB."""

OTHER_LIMIT = 600.0
"""Seconds to wait for another process that plans from the same lists."""


@contextlib.contextmanager
def narrowed(
    apt: Apt, folder: Path, lists: Path, requests: Sequence[PackageRequest], *, recommends: bool
) -> Iterator[Apt]:
    """Yield the same apt, with its state in `folder`, that reads such a copy; it is valid inside the block.

    `lists` is the folder of those that `apt` plans from.

    Yield `apt` itself if it knows none of the names: the complete lists then explain what is wrong.
    """
    names = _reachable(apt, requests, recommends=recommends)
    if names is None:
        yield apt
        return
    small = folder / "narrow"
    with exclusive(folder / "narrow.lock", wait=OTHER_LIMIT):
        with writing_to(folder, option=OPTION):
            shutil.rmtree(small, ignore_errors=True)  # left by a killed process
            _copy(lists, small, names)
        plain = plain_path(small)
        try:
            yield apt.with_options(f"-oDir::State::lists={plain}/lists", f"-oDir::Cache={plain}/cache")
        finally:
            shutil.rmtree(small, ignore_errors=True)


def _copy(lists: Path, small: Path, names: Collection[bytes]) -> None:
    for name in ("lists/partial", "cache/archives/partial"):
        (small / name).mkdir(parents=True)
    for path in lists.iterdir():
        if path.name.endswith("_Packages"):
            _write_reachable(path, small / "lists" / path.name, names)
        elif path.name.endswith("Release"):
            (small / "lists" / path.name).symlink_to(path.absolute())


def _reachable(apt: Apt, requests: Sequence[PackageRequest], *, recommends: bool) -> frozenset[bytes] | None:
    """Return the names of all packages that a chain of dependencies reaches, None if no request is known."""
    kinds = ("suggests", "enhances", "conflicts", "breaks", "replaces", *([] if recommends else ["recommends"]))
    wanted = dict.fromkeys(str(request) for request in requests)
    completed = apt.run(["apt-cache", "depends", "--recurse", *(f"--no-{kind}" for kind in kinds), "--", *wanted])
    if completed.returncode != 0:
        return None
    heads = (line for line in completed.stdout.splitlines() if line and not line[0].isspace())
    return frozenset(line.partition(":")[0].encode() for line in heads)


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
