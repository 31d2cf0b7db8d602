"""Where a container system is that is to be checked, and what can be seen of it there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from package_cache.outside.files import read_regular
from package_cache.outside.images.container_files import container_files
from package_cache.outside.images.root import image_root
from package_cache.outside.images.source import source_image
from package_cache.outside.images.system_files import LARGEST, RootFiles
from package_cache.outside.os_release import OsRelease
from package_cache.outside.roots.isolation import Isolation
from package_cache.values.errors import UsageError
from package_cache.values.events import Listener, ignore
from package_cache.values.manifest import CheckedImage
from package_cache.values.system import System
from package_cache.verbs.checking.check import SeenSystem, seen_by_status, seen_in_files

MakeRoot = Callable[[Isolation], Path]
"""Makes a root of what was seen, that can be copied; only where `Where.has_root`."""


@dataclass(frozen=True)
class Where:
    """One of `image`, `container`, `root` and `status` is set, `system` with the last."""

    image: str | None = None
    container: str | None = None
    root: Path | None = None
    status: Path | None = None
    system: str | None = None
    architecture: str | None = None
    authfile: Path | None = None

    @classmethod
    def of(cls, image: CheckedImage, authfile: Path | None) -> "Where":
        """Give where an `[[image]]` of a manifest is."""
        return cls(
            image=image.reference, root=image.root, status=image.status, system=image.system,
            architecture=image.architecture, authfile=authfile if image.reference else None,
        )  # fmt: skip

    @property
    def has_root(self) -> bool:
        """True where groups can also be installed for real."""
        return self.image is not None or self.root is not None


@contextmanager
def opened(where: Where, *, state: Path, listener: Listener = ignore) -> Iterator[tuple[SeenSystem, MakeRoot]]:
    """Give what can be seen there, and what makes a root of it, while the block runs.

    Raises `UsageError` where nothing is there, and what the module of each kind raises.
    """
    if where.image is not None:
        with source_image(where.image, architecture=where.architecture, authfile=where.authfile) as image:
            yield (
                seen_in_files(where.image, image.files(), where.architecture, digest=image.digest),
                lambda isolation: image_root(image, state=state, isolation=isolation, listener=listener),
            )
    elif where.container is not None:
        yield seen_in_files(where.container, container_files(where.container), where.architecture), _no_root
    elif where.root is not None:
        root = where.root.absolute()
        if not root.is_dir():
            raise UsageError(f"cannot check {where.root}: there is no such folder")
        yield seen_in_files(str(where.root), RootFiles(root), where.architecture), lambda _: root
    else:
        yield _by_status(where), _no_root


def _by_status(where: Where) -> SeenSystem:
    assert where.status is not None
    try:
        system = System.parse(where.system or "")
    except ValueError as error:
        raise UsageError(f"cannot check {where.status}: {error}") from error
    if not where.status.is_file():
        raise UsageError(f"cannot check {where.status}: there is no such file")
    try:
        content = read_regular(where.status, LARGEST)
    except OSError as error:
        raise UsageError(f"cannot check {where.status}: {error.strerror or error}") from error
    release = OsRelease(system.distribution, system.version)
    return seen_by_status(str(where.status), content, release, where.architecture)


def _no_root(isolation: Isolation) -> Path:
    raise UsageError(f"cannot install for real where there is no root to copy ({isolation.description})")
