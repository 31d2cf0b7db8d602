"""From a manifest's file to its values: the bytes, their digest, their text, and which format they are in."""

import hashlib
from pathlib import Path

from package_cache.manifests.checks import Problems
from package_cache.manifests.columns import read_columns
from package_cache.manifests.toml import read_toml
from package_cache.values.bounds import bound, excess, how_to_raise
from package_cache.values.errors import ManifestError, Problem
from package_cache.values.manifest import Manifest

EXAMPLE = (
    "write a line a group, such as: ssh,ubuntu18.04,openssh-server",
    "write a table a group: [[group]] with name, systems and packages below it",
)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest: TOML where the name ends in `.toml`, else the seed's three or four columns.

    Raises `ManifestError` with all problems, in the order of their lines. Only the form is checked here:
    whether an OS release is known and a package exists, the lock finds out.
    """
    content = _content(path)
    problems = Problems(str(path))
    text = _text(content, problems)
    read = read_toml if path.suffix.lower() == ".toml" else read_columns
    manifest = read(text, path, f"sha256:{hashlib.sha256(content).hexdigest()}", problems)
    if not manifest.groups and not problems.found:
        problems.add(problems.place(), "has no group", EXAMPLE[read is read_toml])
    problems.raise_if_any()
    return manifest


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:  # perhaps a pipe
            content = stream.read(bound("manifest-bytes") + 1)
        if len(content) <= bound("manifest-bytes"):
            return content
        message, hint = f"has {excess('manifest-bytes')}", how_to_raise("manifest-bytes")
    except FileNotFoundError:
        message, hint = "there is no such file", "write it, or name another one with --manifest"
    except IsADirectoryError:
        message, hint = "is a folder", "name the manifest's file in it"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        message, hint = f"cannot be read: {getattr(error, 'strerror', None) or error}", "name a file that can be read"
    raise ManifestError(f"cannot use the manifest {path}", problems=[Problem(message, str(path), hint=hint)])


def _text(content: bytes, problems: Problems) -> str:
    """Decode the bytes, without a byte order mark. Raises `ManifestError` where they are no text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()  # its object and its start are without the mark
        place = problems.place_at(before, len(before))
        problems.add(place, f"is not UTF-8: the byte 0x{error.object[error.start]:02x}", "save the file as UTF-8")
        text = ""
    start = text.find("\0")
    while start >= 0:  # one problem a line is enough: a file in UTF-16 has a NUL in every other byte
        problems.add(problems.place_at(text, start), "holds a NUL byte", "save the file as UTF-8 text")
        end = text.find("\n", start)
        start = text.find("\0", end) if end >= 0 else -1
    problems.raise_if_any()
    return text
