"""The files of an image, read out of its layers from the top down, as far as is needed; nothing is unpacked.

OCI Image Layer Filesystem Changeset: a layer is a tar archive; `.wh.NAME` in it says that NAME of lower layers is gone,
`.wh..wh..opq` that all of that folder's lower content is.

What a layer has below a folder makes that a folder, also where it does not name it, and where a lower layer has a link
or a file there: so overlayfs shows it, by which nearly every container runs. A link of the layer itself is followed.
"""

import posixpath
import re
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import IO

from package_cache.outside.images.system_files import LARGEST
from package_cache.outside.images.unpack_layer import MOST_LINKS, followed
from package_cache.outside.tar_stream import BROKEN, tar_stream
from package_cache.values.errors import PackageCacheError

OpenLayer = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens a layer's tar archive, decompressed."""

WANTED = re.compile(
    r"(?:.*/)?(?:os-release[^/]*|dpkg/(?:status|arch|updates/[0-9][^/]*)|apt/extended_states)", re.ASCII
)
"""Files whose content is kept when a layer is read: those that `check` asks for; of all at most `LARGEST` bytes. For
what lies elsewhere a layer is read again."""

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
    number: int = -1
    """Of the member of the archive that has its content."""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


_FOLDER = _Member(stat.S_IFDIR | 0o755)
"""One that no member of an archive names."""


@dataclass
class Layer:
    """What one layer has, and what of lower ones it takes away. No path in it leads through one of its own links."""

    members: dict[str, _Member] = field(default_factory=lambda: {"": _FOLDER})
    names: dict[str, set[str]] = field(default_factory=dict)
    """By folder."""
    contents: dict[int, bytes] = field(default_factory=dict)
    """By the member's number."""
    gone: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)

    def hides(self, path: str) -> bool:
        """Tell whether lower layers' `path` cannot be seen through this one, though it has nothing there itself."""
        if path in self.gone:
            return True
        while path:
            path = path.rpartition("/")[0]
            member = self.members.get(path)
            if path in self.gone or path in self.opaque or (member and not member.is_folder):
                return True
        return False

    def put(self, path: str, member: _Member) -> None:
        """Put something at a path whose folder is there; in the place of what is there."""
        before = self.members.get(path)
        if before is not None and before.is_folder and not member.is_folder:
            self._remove(path)
        self.members[path] = member
        folder, _, name = path.rpartition("/")
        self.names.setdefault(folder, set()).add(name)

    def folder(self, path: str) -> str:
        """Give where a folder of the layer lies; it is made where it is not there."""
        return followed(path, self._link).lstrip("/")

    def _link(self, place: str, links: int) -> str | None:
        here = place.lstrip("/")
        member = self.members.get(here)
        if member is not None and stat.S_ISLNK(member.mode) and links < MOST_LINKS:
            return member.target
        if member is None or not member.is_folder:
            self.put(here, _FOLDER)
        return None

    def may_have(self, folder: str) -> bool:
        """Tell whether nothing of the layer speaks against a folder: a file in its place, or that it is gone."""
        while folder and folder not in self.gone:
            member = self.members.get(folder)
            if member is not None:
                return member.is_folder or stat.S_ISLNK(member.mode)
            folder = folder.rpartition("/")[0]
        return not folder

    def _remove(self, path: str) -> None:
        """Remove what lies in a folder."""
        folders = [path]
        while folders:
            folder = folders.pop()
            for name in self.names.pop(folder, ()):
                below = f"{folder}/{name}"
                if self.members.pop(below).is_folder:
                    folders.append(below)


def read_layer(stream: IO[bytes], name: str) -> Layer:
    """Read a whole tar archive, a layer of `name`. Raises `PackageCacheError` where it is none."""
    layer = Layer()
    with _told(name), tar_stream(stream) as (archive, members):
        for number, entry in enumerate(members):
            _note(layer, archive, entry, number)
    return layer


def _content(stream: IO[bytes], name: str, path: str, wanted: int) -> bytes:
    """Read the content of one member, by its number."""
    with _told(name), tar_stream(stream) as (archive, members):
        for number, entry in enumerate(members):
            if number == wanted:
                if entry.size > LARGEST:
                    raise PackageCacheError(f"cannot read /{path} of the image: it has {entry.size} bytes")
                content = archive.extractfile(entry)
                return content.read() if content else b""
    raise PackageCacheError(f"cannot read a layer of {name}: it was altered meanwhile")


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        message = f"cannot read a layer of {name}: it is no tar archive, or it is cut short"
        raise PackageCacheError(message, details=str(error)) from error


def _note(layer: Layer, archive: tarfile.TarFile, entry: tarfile.TarInfo, number: int) -> None:
    folder, _, name = normal(entry.name).rpartition("/")
    is_whiteout = name.startswith(WHITEOUT) and name != WHITEOUT
    if is_whiteout and not layer.may_have(folder):
        return
    folder = layer.folder(folder)
    path = f"{folder}/{name}".lstrip("/")
    if name == OPAQUE:
        layer.opaque.add(folder)
    elif is_whiteout:
        layer.gone.add(f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/"))
    elif entry.islnk():  # a second name of a file of this layer
        other, _, last = normal(entry.linkname).rpartition("/")
        member = layer.members.get(f"{layer.folder(other)}/{last}".lstrip("/"))
        if path and member is not None and not member.is_folder:
            layer.put(path, member)
    elif path:
        kind = _TYPES.get(entry.type, stat.S_IFREG)
        layer.put(path, _Member(kind | stat.S_IMODE(entry.mode), entry.linkname, number))
        fits = entry.size + sum(map(len, layer.contents.values())) <= LARGEST
        if entry.isfile() and WANTED.fullmatch(path) and fits:
            content = archive.extractfile(entry)
            layer.contents[number] = content.read() if content else b""


def normal(name: str) -> str:
    """Give a member's path without `.`, `..` and slashes at its ends; `..` leads nowhere above the root."""
    return posixpath.normpath(f"/{name}").lstrip("/")


class LayeredFiles:
    """The files of a stack of layers."""

    def __init__(self, layers: Sequence[OpenLayer], name: str) -> None:
        """`layers`: the top one first. They are opened when they are needed, as a rule once."""
        self._openers = layers
        self._read: list[Layer] = []
        self._name = name

    @property
    def opened(self) -> int:
        """How many layers were read."""
        return len(self._read)

    def read(self, path: str) -> bytes | None:
        """Give the content of a file; None where none is there."""
        found = self._found(path)
        if found is None:
            return None
        real, index = found
        layer = self._read[index]
        member = layer.members[real]
        if not stat.S_ISREG(member.mode):
            return None
        if member.number not in layer.contents:
            with self._openers[index]() as stream:
                layer.contents[member.number] = _content(stream, self._name, real, member.number)
        return layer.contents[member.number]

    def names(self, folder: str) -> Sequence[str]:
        """Give the names in a folder."""
        found = self._found(folder)
        if found is None or not self._read[found[1]].members[found[0]].is_folder:
            return []
        names = {name for layer in self._layers() for name in layer.names.get(found[0], ())}
        return sorted(name for name in names if self._seen(f"{found[0]}/{name}".lstrip("/")) is not None)

    def mode(self, path: str) -> int | None:
        """Give type and mode of what is there."""
        found = self._found(path)
        return None if found is None else self._read[found[1]].members[found[0]].mode

    def _layers(self) -> Iterator[Layer]:
        """Give the layers from the top down, each read when it is needed."""
        for index, opened in enumerate(self._openers):
            if index == len(self._read):
                with opened() as stream:
                    self._read.append(read_layer(stream, self._name))
            yield self._read[index]

    def _seen(self, path: str) -> int | None:
        """Give the number of the layer in which a path is seen, the path taken as it stands."""
        for index, layer in enumerate(self._layers()):
            if path in layer.members:
                return index
            if layer.hides(path):
                return None
        return None

    def _found(self, path: str) -> tuple[str, int] | None:
        """Give where a path leads, and the number of the layer that has it (path_resolution(7))."""
        done, index = "", self._seen("")
        waiting = path.split("/")[::-1]
        links = 0
        while waiting:
            if index is None or not self._read[index].members[done].is_folder:
                return None
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                index = self._seen(done)
                continue
            here = f"{done}/{part}".lstrip("/")
            at = self._seen(here)
            member = None if at is None else self._read[at].members[here]
            if member is not None and stat.S_ISLNK(member.mode):
                links += 1
                if links > MOST_LINKS or not member.target:
                    return None
                waiting += member.target.split("/")[::-1]
                if member.target.startswith("/"):
                    done, index = "", self._seen("")
            else:
                done, index = here, at
        return None if index is None else (done, index)
