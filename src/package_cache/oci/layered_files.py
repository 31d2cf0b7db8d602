"""The files of an image, read from its layers from the top down, as far as needed; nothing is unpacked.

OCI Image Layer Filesystem Changeset: a layer is a tar archive; `.wh.NAME` in it says that NAME of lower layers is gone,
`.wh..wh..opq` that all of that folder's lower content is.

What a layer has below a folder makes that a folder, also where it does not name it, and where a lower layer has a link
or a file there: so overlayfs shows it, by which nearly every container runs. A link of the layer itself is followed.
"""

import posixpath
import re
import stat
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO

from package_cache.bounds import check_bound
from package_cache.errors import PackageCacheError
from package_cache.filesystem.tar_stream import BROKEN, Meter, tar_stream
from package_cache.filesystem.unpack_layer import MOST_LINKS, followed

OpenLayer = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens a layer's tar archive, decompressed."""

WANTED = re.compile(
    r"(?:.*/)?(?:os-release[^/]*|dpkg/(?:status|arch|updates/[0-9][^/]*)|apt/extended_states)", re.ASCII
)
"""Files whose content is kept when a layer is read: those that `check` asks for. For what lies elsewhere a layer is
read again."""

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"

_TYPES = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.FIFOTYPE: stat.S_IFIFO,
          tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK}  # fmt: skip

_MODE_BITS = 16
_MODE = (1 << _MODE_BITS) - 1


class _Folder:
    """A folder of a layer."""

    __slots__ = ("mode", "names")

    def __init__(self, mode: int = 0o755) -> None:
        self.names: dict[str, _Node] = {}
        self.mode = mode
        """Permissions."""


_Node = _Folder | str | int
"""What a layer has at a path: a folder, the target of a symbolic link, or of all else the number of its member and
its mode. A layer may have a million of them, so they are no objects of their own."""

_ENTRY_BYTES = 150
_FOLDER_BYTES = 330
"""Memory that an entry and a folder take beside their names: measured, as Python's dictionaries grow in steps."""


class Layer:
    """The content of one layer, and what it hides of lower ones. No path in it leads through one of its own links."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._root = _Folder()
        self.contents: dict[int, bytes] = {}
        """By the member's number."""
        self.gone: set[str] = set()
        self.opaque: set[str] = set()
        self.passes = 0
        """How often it was read again."""

    def get(self, path: str) -> _Node | None:
        """Return what is at a path, no link followed; None: nothing."""
        node: _Node | None = self._root
        for part in path.split("/") if path else ():
            node = node.names.get(part) if isinstance(node, _Folder) else None
            if node is None:
                return None
        return node

    def hides(self, path: str) -> bool:
        """Return whether lower layers' `path` cannot be seen through this one, which has nothing there itself."""
        if path in self.gone:
            return True
        while path:
            path = path.rpartition("/")[0]
            node = self.get(path)
            if path in self.gone or path in self.opaque or not (node is None or isinstance(node, _Folder)):
                return True
        return False

    def put(self, folder: _Folder, name: str, node: _Node) -> None:
        """Add a node to a folder, replacing what has its name; a folder keeps the content of one that it replaces."""
        before = folder.names.get(name)
        if isinstance(before, _Folder) and isinstance(node, _Folder):
            before.mode = node.mode
            return
        if before is None:
            check_bound("image-name-bytes", len(name.encode("utf-8", "replace")), f"{self.meter.what}: a name in it")
            self.meter.add("image-names-bytes", _ENTRY_BYTES + sys.getsizeof(name))
        if isinstance(node, _Folder):
            self.meter.add("image-names-bytes", _FOLDER_BYTES)
        elif isinstance(node, str):
            self.meter.add("image-names-bytes", sys.getsizeof(node))
        folder.names[name] = node

    def folder(self, path: str) -> tuple[_Folder, str]:
        """Return a folder of the layer and where it lies; it is made if it does not exist.

        Links of the layer are followed; anything else in its place is replaced.
        """
        folders = {"": self._root}

        def link(here: str, hops: int, _goes_on: bool) -> str | None:
            parent, _, name = here.rpartition("/")
            found = folders[parent].names.get(name)
            if isinstance(found, str) and hops < MOST_LINKS:
                return found
            if not isinstance(found, _Folder):
                found = _Folder()
                self.put(folders[parent], name, found)
            folders[here] = found
            check_bound("image-path-depth", here.count("/"), f"{self.meter.what}: a path in it")
            return None

        place = followed(path, link)
        return folders[place], place[1:]

    def hide(self, path: str, places: set[str]) -> None:
        """Note that lower layers' path is `gone`, or that this folder is `opaque`."""
        if path not in places:
            self.meter.add("image-names-bytes", _ENTRY_BYTES + sys.getsizeof(path))
            places.add(path)

    def may_have(self, folder: str) -> bool:
        """Return whether the layer can have this folder: it has no file in its place and no whiteout of it."""
        while folder and folder not in self.gone:
            node = self.get(folder)
            if node is not None:
                return not isinstance(node, int)
            folder = folder.rpartition("/")[0]
        return not folder


def read_layer(stream: IO[bytes], meter: Meter) -> Layer:
    """Read a whole tar archive, a layer. Raises `PackageCacheError` where it is none, or exceeds a bound."""
    layer = Layer(meter)
    with _tar_errors(meter.what), tar_stream(stream, meter) as (archive, members):
        for number, entry in enumerate(members):
            _note(layer, archive, entry, number)
    return layer


@contextmanager
def _tar_errors(what: str) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        message = f"cannot read {what}: it is no tar archive, or it is cut short"
        raise PackageCacheError(message, details=str(error)) from error


def _note(layer: Layer, archive: tarfile.TarFile, entry: tarfile.TarInfo, number: int) -> None:
    place, _, name = normal(entry.name).rpartition("/")
    is_whiteout = name.startswith(WHITEOUT) and name != WHITEOUT
    if is_whiteout and not layer.may_have(place):
        return
    folder, path = layer.folder(place)
    if name == OPAQUE:
        layer.hide(path, layer.opaque)
    elif is_whiteout:
        layer.hide(f"{path}/{name.removeprefix(WHITEOUT)}".lstrip("/"), layer.gone)
    elif entry.islnk():  # a second name of a file of this layer
        other, _, last = normal(entry.linkname).rpartition("/")
        node = layer.folder(other)[0].names.get(last)
        if name and node is not None and not isinstance(node, _Folder):
            layer.put(folder, name, node)
    elif name and entry.issym():
        layer.put(folder, name, entry.linkname)
    elif name and entry.isdir():
        layer.put(folder, name, _Folder(stat.S_IMODE(entry.mode)))
    elif name:
        mode = _TYPES.get(entry.type, stat.S_IFREG) | stat.S_IMODE(entry.mode)
        layer.put(folder, name, number << _MODE_BITS | mode)
        wanted = entry.isfile() and WANTED.fullmatch(f"{path}/{name}")
        if wanted and layer.meter.can_keep(entry.size):  # else the caller that asks for it gets an error
            content = archive.extractfile(entry)
            layer.contents[number] = content.read() if content else b""


def normal(name: str) -> str:
    """Return a member's path without `.`, `..` and slashes at its ends; `..` leads nowhere above the root."""
    return posixpath.normpath(f"/{name}").lstrip("/")


_MOST_PLACES = 10_000


class LayeredFiles:
    """The files of a stack of layers."""

    def __init__(self, layers: Sequence[OpenLayer], name: str) -> None:
        """`layers`: the top one first. They are opened when they are needed, as a rule once."""
        self._openers = layers
        self._read: list[Layer] = []
        self._name = name
        self._meter = Meter(f"a layer of {name}")
        self._places: dict[str, tuple[int, _Node | None]] = {}
        """The layer in which a path is visible, and what it has: links may ask for a path thousands of times."""

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; None if it does not exist."""
        place, index, node = self._found(path)
        if not isinstance(node, int) or not stat.S_ISREG(node & _MODE):
            return None
        layer, number = self._read[index], node >> _MODE_BITS
        if number not in layer.contents:
            layer.passes += 1
            check_bound("layer-passes", layer.passes, self._meter.what)
            with self._openers[index]() as stream:
                layer.contents[number] = self._content(stream, place, number)
        return layer.contents[number]

    def _content(self, stream: IO[bytes], path: str, wanted: int) -> bytes:
        """Read the content of one member, by its number."""
        with _tar_errors(self._meter.what), tar_stream(stream, Meter(self._meter.what)) as (archive, members):
            for number, entry in enumerate(members):
                if number == wanted:
                    self._meter.add("system-file-bytes", entry.size, f"/{path} of {self._name}")
                    content = archive.extractfile(entry)
                    return content.read() if content else b""
        raise PackageCacheError(f"cannot read {self._meter.what}: it was altered meanwhile")

    def names(self, folder: str) -> Sequence[str]:
        """Return the names in a folder."""
        place, _, found = self._found(folder)
        if not isinstance(found, _Folder):
            return []
        nodes = [layer.get(place) for layer in self._layers()]
        names = {name for node in nodes if isinstance(node, _Folder) for name in node.names}
        return sorted(name for name in names if self._seen(f"{place}/{name}".lstrip("/"))[1] is not None)

    def mode(self, path: str) -> int | None:
        """Return the type and mode of a file or a folder; None if it does not exist."""
        _, _, node = self._found(path)
        if isinstance(node, _Folder):
            return stat.S_IFDIR | node.mode
        return node & _MODE if isinstance(node, int) else None

    def _layers(self) -> Iterator[Layer]:
        """Yield the layers from the top down, each read when it is needed."""
        for index, opened in enumerate(self._openers):
            if index == len(self._read):
                with opened() as stream:
                    self._read.append(read_layer(stream, self._meter))
            yield self._read[index]

    def _seen(self, path: str) -> tuple[int, _Node | None]:
        """Return the number of the layer in which a path is visible, and what it has there, no link followed."""
        if path not in self._places:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            self._places[path] = self._look(path)
        return self._places[path]

    def _look(self, path: str) -> tuple[int, _Node | None]:
        for index, layer in enumerate(self._layers()):
            node = layer.get(path)
            if node is not None or layer.hides(path):
                return index, node
        return 0, None

    def _found(self, path: str) -> tuple[str, int, _Node | None]:
        """Return where a path leads, the number of the layer that has it, and what it has (path_resolution(7))."""

        def link(here: str, hops: int, goes_on: bool) -> str | None:
            _, node = self._seen(here[1:])
            if isinstance(node, str) and node and hops < MOST_LINKS:
                return node
            if isinstance(node, str | None) or (goes_on and isinstance(node, int)):
                raise LookupError
            return None

        try:
            done = followed(path, link)[1:]
        except LookupError:
            return "", 0, None
        return (done, *self._seen(done))
