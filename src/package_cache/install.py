"""`install`: run the installer of a local cache on this machine."""

from collections.abc import Sequence
from pathlib import Path

from package_cache.cache.description import read_description
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.filesystem.paths import read_bounded
from package_cache.filesystem.temporary import temporary_folder
from package_cache.process import end, start

GRACE = 60.0
"""Seconds for an interrupted installer to leave dpkg in a sane state."""


def install(groups: Sequence[str], cache: CacheFolder, *, quiet: bool = False) -> tuple[int, dict[str, str]]:
    """Run the cache's installer with our standard error, and with our standard output unless `quiet`.

    Return its exit status, and the facts of its result file: none if it was killed before it wrote them. Raises
    `CacheError` if there is no cache.
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
        text = read_bounded(file, "result-bytes").decode("utf-8", "replace") if file.exists() else ""
        pairs = (line.partition("=") for line in text.splitlines())
        return status, {key: value for key, equals, value in pairs if equals}
