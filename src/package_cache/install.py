"""`install`: run the installer of a local cache on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.cache.description import read_description
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.filesystem.paths import read_bounded
from package_cache.filesystem.temporary import temporary_folder
from package_cache.process import end, start

GRACE = 60.0
"""Seconds for an interrupted installer to leave dpkg in a sane state."""


@dataclass(frozen=True)
class InstallOutcome:
    """The installer's exit status, and the facts of its result file."""

    status: int
    facts: dict[str, str]


def install(groups: Sequence[str], cache: CacheFolder, *, quiet: bool = False) -> InstallOutcome:
    """Run the cache's installer with our standard error, and with our standard output unless `quiet`.

    Raises `CacheError` if there is no cache.
    """
    read_description(cache)
    with temporary_folder() as folder, Path("/dev/null").open("w") as nothing:
        file = Path(folder) / "result"
        argv = ["sh", str(cache.path / INSTALLER), "--cache", str(cache.path), "--result", str(file), "--", *groups]
        process = start(argv, stdout=nothing if quiet else None, stderr=None)
        try:
            status = process.wait()
        except BaseException:
            end(process, grace=GRACE)
            raise
        return InstallOutcome(status, _facts(file))


def _facts(file: Path) -> dict[str, str]:
    """Read `key=value` lines; return none if the installer was killed before it wrote them."""
    if not file.exists():
        return {}
    text = read_bounded(file, "result-bytes").decode("utf-8", "replace")
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, equals, value in pairs if equals}
