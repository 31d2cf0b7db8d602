"""The files that a manifest names: below its own folder, also where links lead, unless its reader allows others."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from package_cache.filesystem.confined import Inside
from package_cache.filesystem.openat2 import Links
from package_cache.filesystem.paths import read_bounded
from package_cache.manifest.model import ALLOW_OUTSIDE


@dataclass(frozen=True)
class ManifestFolder:
    """The folder of a manifest, from where its paths are seen."""

    path: Path
    allow_outside: bool = False

    def check(self, text: str) -> tuple[str, str] | None:
        """Return what is wrong with a path that leads out of the folder, and what to write instead; else None."""
        if self.allow_outside:
            return None
        try:
            Inside(self.path, Links.BENEATH).status(text)
        except OSError as error:
            if error.errno in (errno.EXDEV, errno.ELOOP) or os.path.normpath(text).startswith(".."):
                hint = f"name one below that folder, or allow others with {ALLOW_OUTSIDE}"
                return f"{text!r} leads out of the manifest's folder", hint
        return None

    def read(self, text: str, bound: str) -> bytes | None:
        """Return the bytes of a file, up to the bound of that name; None if no such file may be read."""
        try:
            if self.allow_outside:
                return read_bounded(self.path / text, bound)
            return Inside(self.path, Links.BENEATH).read(text, bound)
        except (OSError, ValueError):  # such as a name longer than the file system takes
            return None
