"""The licences that a package file's own debian/copyright names, where a machine can read it (Debian's DEP-5)."""

import contextlib
import logging
from pathlib import Path
from typing import Any

from debian import copyright as dep5

from package_cache.bounds import bound
from package_cache.errors import PackageCacheError
from package_cache.filesystem.tar_stream import BROKEN, Meter, tar_stream
from package_cache.process import piped

logging.getLogger("debian.copyright").setLevel(logging.CRITICAL)  # what it finds odd is not for our users


def licences_of(package: Path, name: str) -> tuple[str, ...]:
    """Return the names of licences as debian/copyright writes them, sorted; none where it is not there or not readable.

    One that is a link into another package's folder is not followed.
    """
    text = _copyright_text(package, name)
    if text is None:
        return ()
    try:
        parsed = dep5.Copyright(text.splitlines(keepends=True), strict=False)
        kinds = dep5.FilesParagraph | dep5.LicenseParagraph
        licences: list[Any] = [item.license for item in parsed.all_paragraphs() if isinstance(item, kinds)]
        synopses = [str(licence.synopsis) for licence in licences if licence is not None]
    except (dep5.NotMachineReadableError, dep5.MachineReadableFormatError, ValueError, TypeError):
        return ()
    return tuple(sorted({" ".join(synopsis.split()) for synopsis in synopses if synopsis.strip()}))


def _copyright_text(package: Path, name: str) -> str | None:
    wanted = f"usr/share/doc/{name}/copyright"
    text = None
    with (
        contextlib.suppress(PackageCacheError, *BROKEN),  # also where dpkg-deb could not write the rest
        piped(["dpkg-deb", "--fsys-tarfile", str(package)]) as tar,
        tar_stream(tar, Meter(f"the package {name}")) as (archive, members),
    ):
        for member in members:
            if member.name.removeprefix("./") == wanted:
                fits = member.isreg() and member.size <= bound("copyright-bytes")
                stream = archive.extractfile(member) if fits else None
                text = stream.read().decode("utf-8", "replace") if stream else None
                break
    return text
