"""A recording as a file: a package file whose control member has the lists, and whose data has the paths.

`docs/cache-format.md` describes it; the installer reads it with the dpkg-deb and the tar of the container.
"""

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from package_cache.bounds import bound, excess
from package_cache.cache.recordings import FORMAT
from package_cache.deb.compression import NO_ZSTD, ORIGINAL, Compression, compression_for
from package_cache.deb.writing import package_file, small_tar
from package_cache.recording.classes import NotRecordable
from package_cache.recording.content import Content
from package_cache.recording.observed import PlannedPackage
from package_cache.recording.tree import BLAKE2, SHA256, Tree, contents
from package_cache.sandbox.container import Container

STAGED = "staged"
"""The folder in the data in which what is renamed later lies."""

_PROGRAMS = {SHA256: "sha256sum", BLAKE2: "b2sum"}
"""Of coreutils: b2sum takes half of the time where sha256sum does not use the processor's own instructions."""

_CONTROL = """Package: package-cache-recording
Version: {version}
Architecture: {architecture}
Maintainer: Package Cache
Description: what installing {group} comes to in one image
"""

_KEPT = ("SCHILY.", "mtime")
"""What of a pax header is kept: the rest is said by the member itself, whose name may change."""


@dataclass(frozen=True)
class Facts:
    """What the installer must know of a recording before it reads its lists."""

    group: str
    architecture: str
    image: str
    """For people."""
    status_before: str
    status_after: str
    algorithm: str
    """By which what the lists `same` and `debs` state is hashed."""
    packages: Sequence[PlannedPackage]
    digests: Mapping[str, str]
    """By `algorithm`, of the package files, by their SHA-256."""
    upgraded: frozenset[str]
    """The hashes of package files whose packages were there before, in other versions."""
    kib: int
    """What it brings, in KiB."""

    def text(self) -> str:
        """Return them as a shell can read them."""
        lines = [f"format {FORMAT}", f"group {self.group}", f"architecture {self.architecture}", f"image {self.image}"]
        lines += [f"status-before {self.status_before}", f"status-after {self.status_after}"]
        lines += [f"hashed-by {_PROGRAMS[self.algorithm]}", f"installed-kib {self.kib}"]
        for item in self.packages:
            kind = "upgraded" if item.sha256 in self.upgraded else "new"
            lines.append(f"package {kind} {item.name} {item.version} {item.architecture} {item.size} {item.sha256}")
        return "\n".join([*lines, "end", ""])

    def order(self) -> str:
        """Return how the package files are unpacked: new ones by two pipes that get as many bytes."""
        pipes, lines = {"first": 0, "second": 0}, []
        for item in self.packages:
            how = "over" if item.sha256 in self.upgraded else min(pipes, key=lambda name: pipes[name])
            if how in pipes:
                pipes[how] += item.size
            lines.append(f"{how} {item.sha256} {self.digests[item.sha256]}\n")
        return "".join(lines)


def recording_bytes(
    facts: Facts, lists: Mapping[str, str], found: Content, source: tuple[Tree, Container], compression: Compression
) -> bytes:
    """Return the file, with the paths as they are in the container `source`.

    Raise `NotRecordable` if it would be too large.
    """
    tree, container = source
    size = sum(tree[path].size for path in (*found.in_place, *found.staged))
    if size > bound("cache-file-bytes"):
        raise NotRecordable(f"its own files have {excess('cache-file-bytes', size)}")
    control = _CONTROL.format(version=FORMAT, architecture=facts.architecture, group=facts.group)
    texts = {"control": control, "facts": facts.text(), "debs": facts.order(), **lists}
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, sorted(found.in_place), tree, container, "")
        _add(archive, found.staged, tree, container, f"/{STAGED}")
    files = {name: text.encode() for name, text in texts.items()}
    return package_file(small_tar(files), data.getvalue(), compression)


def _add(archive: tarfile.TarFile, paths: Iterable[str], tree: Tree, container: Container, folder: str) -> None:
    for path, member, stream in contents(container, tree, list(paths), "the installed group"):
        member.name = f".{folder}{path}"
        if member.islnk():
            member.linkname = f".{folder}/{member.linkname.removeprefix('.').strip('/')}"
        member.pax_headers = {key: value for key, value in member.pax_headers.items() if key.startswith(_KEPT)}
        member.uname = member.gname = ""
        archive.addfile(member, stream)


def recording_compression(system: str, compression: str) -> Compression:
    """Return how a recording is compressed in a group whose package files are: as its dpkg reads them best."""
    parsed = Compression.parse(compression)
    return compression_for(system) if parsed in (ORIGINAL, NO_ZSTD) else parsed
