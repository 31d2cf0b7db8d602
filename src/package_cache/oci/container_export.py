"""The files of a podman or docker container, running or not: read from what the engine exports, a tar archive.

Volumes that are mounted in it are not in that archive.
"""

import contextlib
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from package_cache.errors import PackageCacheError, ToolMissingError, UsageError
from package_cache.oci.layered_files import LayeredFiles
from package_cache.process import SILENCE, CommandError, piped, run

ENGINES = ("podman", "docker")
BLOCK = 1 << 20


def container_files(name: str) -> LayeredFiles:
    """Return the files of the container that podman, or else docker, knows by that name.

    Raises `ToolMissingError` if neither is here, `UsageError` where neither knows it.
    """
    engines = [(engine, path) for engine in ENGINES if (path := find_engine(engine))]
    if not engines:
        message = f"cannot read the container {name}: there is neither podman nor docker here"
        raise ToolMissingError(message, hint="use --root, --image or --status")
    if not name or name.startswith("-"):
        raise UsageError(f"cannot read the container {name!r}: that is no name")
    said = []
    for engine, path in engines:
        found = run([path, "container", "inspect", "--format", "{{.Id}}", name], check=False, timeout=60)
        if found.returncode == 0:
            return LayeredFiles([functools.partial(_exported, path, name)], f"the container {name}")
        said.append(f"{engine}: {found.stderr.strip() or f'ended with status {found.returncode}'}")
    message = f"cannot find the container {name}"
    raise UsageError(message, hint=f"see: {engines[0][0]} ps --all", details="\n".join(said))


def find_engine(name: str) -> str | None:
    """Return the path of an engine's program; None if it is not here."""
    return shutil.which(name)


@contextlib.contextmanager
def _exported(path: str, name: str) -> Iterator[IO[bytes]]:
    try:
        with piped([path, "export", name], silence=SILENCE) as stream:
            yield stream
            while stream.read(BLOCK):  # what pads an archive's end: who writes it waits for a reader
                pass
    except CommandError as error:
        message = f"cannot read the container {name}: {Path(path).name} export {error.how}"
        raise PackageCacheError(message, details=error.output) from error
