"""From a manifest's file to its values: the bytes, their digest, their text, and which format they are in."""

import errno
import hashlib
import re
from pathlib import Path

from package_cache.errors import ManifestError, Problem
from package_cache.filesystem.confined import Inside, read_up_to
from package_cache.filesystem.openat2 import Links
from package_cache.filesystem.paths import read_bounded
from package_cache.manifest.checks import Problems
from package_cache.manifest.columns import read_columns
from package_cache.manifest.model import ALLOW_OUTSIDE, Manifest
from package_cache.manifest.toml import read_toml

BOUND = "manifest-bytes"
EXAMPLE = (
    "write a line a group, such as: ssh,ubuntu18.04,openssh-server",
    "write a table a group: [[group]] with name, systems and packages below it",
)


def read_manifest(path: Path, *, allow_outside: bool = False, name: str | None = None) -> Manifest:
    """Read a manifest: TOML where the name ends in `.toml`, else the seed's three or four columns.

    `name` is what messages call it, instead of its path. With `allow_outside` it, and the files that it names, may lie
    outside of its folder, also where links lead.
    Raises `ManifestError` with all problems, in the order of their lines. Only the form is checked here:
    whether an OS release is known and a package exists, the lock finds out.
    """
    name = name or str(path)
    content = _content(path, name, allow_outside=allow_outside)
    problems = _decoded(content, name)
    digest, is_toml = f"sha256:{hashlib.sha256(content).hexdigest()}", path.suffix.lower() == ".toml"
    if is_toml:
        manifest = read_toml(path, digest, problems, allow_outside=allow_outside)
    else:
        manifest = read_columns(path, digest, problems)
    if not manifest.groups and not problems.found:
        problems.add(problems.place(), "has no group", EXAMPLE[is_toml])
    problems.raise_if_any()
    return manifest


def _content(path: Path, name: str, *, allow_outside: bool) -> bytes:
    try:
        if path.is_relative_to("/dev"):  # standard input, or a pipe of the user's shell
            with path.open("rb") as stream:
                return read_up_to(stream, BOUND, path)
        if allow_outside or path.name in ("", ".."):
            return read_bounded(path, BOUND)
        # Its text is quoted in errors: it must be no other file.
        return Inside(path.parent, Links.BENEATH).read(path.name, BOUND)
    except FileNotFoundError:
        message, hint = "there is no such file", "write it, or name another one with --manifest"
    except IsADirectoryError:
        message, hint = "is a folder", "name the manifest's file in it"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        message, hint = f"cannot be read: {getattr(error, 'strerror', None) or error}", "name a file that can be read"
        if getattr(error, "errno", None) == errno.EXDEV:
            message, hint = "is a link that leads out of its folder", f"name the file itself, or write {ALLOW_OUTSIDE}"
    raise ManifestError(f"cannot use the manifest {name}", problems=[Problem(message, name, hint=hint)])


def _decoded(content: bytes, name: str) -> Problems:
    """Decode the bytes, without a byte order mark. Raises `ManifestError` if they are no text."""
    try:
        problems = Problems(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()  # its object and its start are without the mark
        problems = Problems(name, before)
        byte = error.object[error.start]
        problems.add(problems.place_at(len(before)), f"is not UTF-8: the byte 0x{byte:02x}", "save the file as UTF-8")
        problems.raise_if_any()
    for match in re.finditer(r"\0[^\n]*", problems.text):  # one a line: a file in UTF-16 has a NUL in every other byte
        problems.add(problems.place_at(match.start()), "holds a NUL byte", "save the file as UTF-8 text")
    problems.raise_if_any()
    return problems
