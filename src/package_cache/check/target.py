"""The system to check: an image, a container, a root or a status file, and its files."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from package_cache.bounds import check_bound
from package_cache.errors import UsageError
from package_cache.events import Listener, ignore
from package_cache.filesystem.paths import read_bounded
from package_cache.manifest.model import Where
from package_cache.names import ARCHITECTURE
from package_cache.oci.reader import source_image
from package_cache.oci.system_files import OnlyFiles, RootFiles, SystemFiles, container_files
from package_cache.oci.unpack import image_root
from package_cache.releases.os_release import OS_RELEASE, fields_of
from package_cache.sandbox.isolation import Isolation
from package_cache.system import System

DPKG = "/var/lib/dpkg"
STATUS = f"{DPKG}/status"
MARKS = "/var/lib/apt/extended_states"

REFUSABLE = (
    *(f"{DPKG}/{name}" for name in ("statoverride", "diversions", "triggers/File", "triggers/Unincorp", "info/format")),
    "/etc/passwd",
    "/etc/group",
)
"""Files besides the status that dpkg reads at its start and refuses if damaged, and the users and groups in them."""

_SYSTEM = re.compile(r"[^/\0]{1,64}", re.DOTALL)
"""An OS release that can be part of a folder's name and a cell of a table; the installer checks the rest."""

_UPDATE = re.compile(r"[0-9][^/\0]{0,60}", re.DOTALL)
"""A file of dpkg's journal, as the installer matches it; a tar archive may have longer names than a file system."""


@dataclass(frozen=True)
class SeenSystem:
    """The files of a container system that `check` needs."""

    name: str
    """Its reference or path, for people."""
    system: str
    """The OS release by its os-release, such as `ubuntu18.04`."""
    architecture: str | None
    """The architecture of the package dpkg, else the one that the user names."""
    files: SystemFiles
    contents: Mapping[str, bytes]
    """The existing files among os-release, dpkg's database and apt's marks, by path."""
    digest: str
    """The digest of an image's manifest."""
    asked: str = ""
    """The digest in the image's reference; empty if it has none."""

    @property
    def status(self) -> bytes:
        """Return dpkg's status file."""
        return self.contents.get(STATUS, b"")

    @property
    def marks(self) -> bytes:
        """Return apt's marks: which packages are dependencies only."""
        return self.contents.get(MARKS, b"")

    @property
    def architectures(self) -> tuple[str, ...]:
        """Return the architectures of `dpkg --add-architecture`; often its own is among them."""
        lines = self.contents.get(f"{DPKG}/arch", b"").decode("ascii", "replace").split()
        return tuple(line for line in lines if ARCHITECTURE.fullmatch(line))


def seen_in_files(
    name: str, files: SystemFiles, architecture: str | None = None, *, digest: str = "", asked: str = ""
) -> SeenSystem:
    """Read the files of a system that `check` needs.

    `architecture` is used if dpkg's database does not state it. Raises `UsageError` if the two differ.
    """
    first, second = OS_RELEASE
    updates = f"{DPKG}/updates"
    paths = [STATUS, f"{DPKG}/arch", MARKS, first, *REFUSABLE]
    paths += [f"{updates}/{update}" for update in files.names(updates) if _UPDATE.fullmatch(update)]
    check_bound("system-files", len(paths), name)
    read = {path: files.read(path) for path in paths}
    if read[first] is None:
        read[second] = files.read(second)
    contents = {path: content for path, content in read.items() if content is not None}
    own = _architecture_of(contents.get(STATUS, b""))
    if own and architecture and own != architecture:
        raise UsageError(f"cannot check {name} for {architecture}: the architecture of its dpkg is {own}")
    fields = fields_of(contents.get(first) or contents.get(second) or b"")
    system = fields.get("ID", "") + fields.get("VERSION_ID", "")
    system = system if _SYSTEM.fullmatch(system) else ""
    return SeenSystem(name, system, own or architecture, files, contents, digest, asked)


def _architecture_of(status: bytes) -> str | None:
    """Return the architecture of the package dpkg, by its paragraph in a status file."""
    for paragraph in status.split(b"\n\n"):
        lines = paragraph.decode("ascii", "replace").splitlines() if b"Package: dpkg\n" in paragraph else []
        fields = dict(line.partition(": ")[::2] for line in lines)
        if fields.get("Package") == "dpkg" and ARCHITECTURE.fullmatch(fields.get("Architecture", "")):
            return fields["Architecture"]
    return None


MakeRoot = Callable[[Isolation], Path]
"""Makes a root of the system, which can be copied."""


@contextmanager
def opened(where: Where, *, state: Path, listener: Listener = ignore) -> Iterator[tuple[SeenSystem, MakeRoot | None]]:
    """Yield the system at a location, and what makes a root of it; None unless `Where.has_root`.

    Raises `UsageError` if there is no system, and what the module of each kind raises.
    """
    if where.image is not None:
        with source_image(where.image, architecture=where.architecture, authfile=where.authfile) as image:
            yield (
                seen_in_files(where.image, image.files(), where.architecture, digest=image.digest, asked=image.asked),
                lambda isolation: image_root(image, state=state, isolation=isolation, listener=listener),
            )
    elif where.container is not None:
        yield seen_in_files(where.container, container_files(where.container), where.architecture), None
    elif where.root is not None:
        root = where.root.absolute()
        if not root.is_dir():
            raise UsageError(f"cannot check {where.root}: there is no such folder")
        seen = seen_in_files(str(where.root), RootFiles(root), where.architecture)
        if not seen.contents.keys() & {*OS_RELEASE, STATUS}:
            message = f"cannot check {where.root}: it does not look like a root: it has no etc/os-release"
            raise UsageError(message, hint="name the folder that has etc, usr and var of the system")
        yield seen, lambda _: root
    else:
        yield _by_status(where), None


def _by_status(where: Where) -> SeenSystem:
    assert where.status is not None
    try:
        system = System.parse(where.system or "")
        content = read_bounded(where.status, "system-file-bytes")
    except FileNotFoundError:
        raise UsageError(f"cannot check {where.status}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot check {where.status}: {getattr(error, 'strerror', None) or error}") from error
    release = f"ID={system.distribution}\nVERSION_ID={system.version}\n".encode()
    files = OnlyFiles({STATUS: content, OS_RELEASE[0]: release})
    return seen_in_files(str(where.status), files, where.architecture)
