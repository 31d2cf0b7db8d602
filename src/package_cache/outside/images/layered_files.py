"""The files of an image, read out of its layers from the top down, as far as is needed; nothing is unpacked.

OCI Image Layer Filesystem Changeset: a layer is a tar archive; `.wh.NAME` in it says that NAME of lower layers is gone,
`.wh..wh..opq` that all of that folder's lower content is.
"""

import re
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO

from package_cache.outside.images.system_files import LARGEST
from package_cache.outside.tar_stream import BROKEN, tar_stream
from package_cache.values.errors import PackageCacheError

OpenLayer = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens a layer's tar archive, decompressed."""

WANTED = re.compile(
    r"(?:.*/)?(?:os-release[^/]*|dpkg/(?:status|arch|updates/[0-9][^/]*)|apt/extended_states)", re.ASCII
)
"""Files whose content is kept when a layer is read: those that `check` may ask for; of all at most `LARGEST` bytes."""

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"

_TYPES = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.FIFOTYPE: stat.S_IFIFO,
          tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK}  # fmt: skip


@dataclass(frozen=True)
class _Member:
    mode: int
    """Type and permissions."""
    target: str = ""
    """Of a symbolic link."""


@dataclass
class Layer:
    """What one layer has, and what of lower ones it takes away."""

    members: dict[str, _Member] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)

    def hides(self, path: str) -> bool:
        """Tell whether lower layers' `path` cannot be seen through this one, though it has nothing there itself."""
        if path in self.gone:
            return True
        for folder in _folders(path):
            member = self.members.get(folder)
            if folder in self.gone or folder in self.opaque or (member and not stat.S_ISDIR(member.mode)):
                return True
        return False


def read_layer(stream: IO[bytes], name: str) -> Layer:
    """Read a whole tar archive, a layer of `name`. Raises `PackageCacheError` where it is none."""
    layer = Layer()
    try:
        with tar_stream(stream) as (archive, members):
            for entry in members:
                _note(layer, archive, entry)
    except BROKEN as error:
        message = f"cannot read a layer of {name}: it is no tar archive, or it is cut short"
        raise PackageCacheError(message, details=str(error)) from error
    return layer


def _note(layer: Layer, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
    path = normal(entry.name)
    name = PurePosixPath(path).name
    folder = path.removesuffix(name).rstrip("/")
    if name == OPAQUE:
        layer.opaque.add(folder)
    elif name.startswith(WHITEOUT) and name != WHITEOUT:
        layer.gone.add(f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/"))
    elif entry.islnk():  # a second name of a file of this layer
        target = normal(entry.linkname)
        if target in layer.members:
            layer.members[path] = layer.members[target]
        if target in layer.contents:
            layer.contents[path] = layer.contents[target]
    elif path:
        layer.members[path] = _Member(_TYPES.get(entry.type, stat.S_IFREG) | stat.S_IMODE(entry.mode), entry.linkname)
        layer.contents.pop(path, None)
        if entry.isfile() and WANTED.fullmatch(path):
            if entry.size + sum(map(len, layer.contents.values())) > LARGEST:
                raise PackageCacheError(f"cannot read /{path} of the image: it has {entry.size} bytes")
            content = archive.extractfile(entry)
            layer.contents[path] = content.read() if content else b""


def normal(name: str) -> str:
    """Give a member's path without `.`, `..` and slashes at its ends; `..` leads nowhere above the root."""
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class LayeredFiles:
    """The files of a stack of layers."""

    def __init__(self, layers: Sequence[OpenLayer], name: str) -> None:
        """`layers`: the top one first. They are opened when they are needed, once."""
        self._waiting = list(reversed(layers))
        self._read: list[Layer] = []
        self._name = name

    @property
    def opened(self) -> int:
        """How many layers were read."""
        return len(self._read)

    def read(self, path: str) -> bytes | None:
        """Give the content of a file that `WANTED` names; None of all others, and where none is there."""
        found = self._found(path)
        if found is None:
            return None
        real, layer = found
        return layer.contents.get(real)

    def names(self, folder: str) -> Sequence[str]:
        """Give the names in a folder."""
        found = self._found(folder)
        within = (found[0] if found else normal(folder)) + "/"  # a folder may be there without a member of its own
        names = {
            path.removeprefix(within).partition("/")[0]
            for layer in self._layers()
            for path in layer.members
            if path.startswith(within)
        }
        return sorted(name for name in names if self._seen(within + name) is not None)

    def mode(self, path: str) -> int | None:
        """Give type and mode of what is there."""
        found = self._found(path)
        return None if found is None else found[1].members[found[0]].mode

    def _layers(self) -> Iterator[Layer]:
        """Give the layers from the top down, each read when it is needed."""
        index = 0
        while True:
            if index == len(self._read):
                if not self._waiting:
                    return
                self._read.append(self._open(self._waiting.pop()))
            yield self._read[index]
            index += 1

    def _open(self, opened: OpenLayer) -> Layer:
        with opened() as stream:
            return read_layer(stream, self._name)

    def _seen(self, path: str) -> Layer | None:
        """Give the layer in which a path is seen, the path taken as it stands."""
        for layer in self._layers():
            if path in layer.members:
                return layer
            if layer.hides(path):
                return None
        return None

    def _found(self, path: str) -> tuple[str, Layer] | None:
        """Give where a path leads, and the layer that has it.

        First as it stands: that is enough for most, and needs no layer that is lower. Else link by link.
        """
        path = normal(path)
        for _ in range(40):  # the kernel's own limit
            layer = self._seen(path)
            if layer is not None and not stat.S_ISLNK(layer.members[path].mode):
                return path, layer
            if layer is None:
                through = self._first_link(path)
                if through is None:
                    return None
                link, target = through
                path = normal(str(PurePosixPath("/", link).parent / target / path.removeprefix(link).lstrip("/")))
            else:
                path = normal(str(PurePosixPath("/", path).parent / layer.members[path].target))
        return None

    def _first_link(self, path: str) -> tuple[str, str] | None:
        """Give the first folder of a path that is a link, and where that leads."""
        for folder in reversed(list(_folders(path))):
            layer = self._seen(folder)
            if layer is not None and stat.S_ISLNK(layer.members[folder].mode):
                return folder, layer.members[folder].target
        return None


def _folders(path: str) -> Iterable[str]:
    """Give the folders above a path, the nearest first, the root last."""
    while path:
        path = path.rpartition("/")[0]
        yield path
