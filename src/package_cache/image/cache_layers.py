"""A part of a cache as layers of an image: package files as `layers.cut` says, then all indexes in one."""

from collections.abc import Iterator

from package_cache.cache.layout import DESCRIPTION, INSTALLER, CacheFolder, pool_file
from package_cache.cache.platform_subset import Part
from package_cache.events import Listener, Progress, ignore
from package_cache.image.layers import Cut, PooledPackage, cut
from package_cache.oci.writer import Layer, LayerFile, Layout


def add_cache(
    layout: Layout, cache: CacheFolder, part: Part, *, at: str = "", listener: Listener = ignore
) -> list[Layer]:
    """Write the layers of a part; its tree lies at `at` in the image, such as `opt/package_cache/`, else at its root.

    Raises `CacheError` if a package file of the cache is missing or does not fit its hash.
    """
    return [*_add_packages(layout, cache, part, at, listener), _add_indexes(layout, part, at)]


def _add_packages(layout: Layout, cache: CacheFolder, part: Part, at: str, listener: Listener) -> Iterator[Layer]:
    done, step = 0, f"writing layers for {part.architecture}"
    total = part.description.size
    listener(Progress(step, 0, total))
    for item in cut(pooled(part)):
        digests = [package.sha256 for package in item.packages]
        files = [LayerFile(at + pool_file(one), source=cache.package(one), sha256=one) for one in digests]
        yield layout.add_layer(_title(item), files)
        done += sum(package.size for package in item.packages)
        listener(Progress(step, done, total))


def pooled(part: Part) -> list[PooledPackage]:
    """Return every package file of a part once, with the groups that need it."""
    users: dict[str, set[tuple[str, str]]] = {}
    packages = {}
    for item in part.groups:
        for package in item.packages:
            packages[package.sha256] = package
            users.setdefault(package.sha256, set()).add((item.group.name, item.group.system))
    return [
        PooledPackage(digest, package.size, package.name, frozenset(users[digest]))
        for digest, package in packages.items()
    ]


def _title(item: Cut) -> str:
    names = [package.name for package in item.packages]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{item.title}: {', '.join(names[:3])}{more}"


def _add_indexes(layout: Layout, part: Part, at: str) -> Layer:
    files = {f"{item.group.folder}/{name}": content for item in part.groups for name, content in item.files.items()}
    files[DESCRIPTION] = part.description.content()
    entries = [LayerFile(at + name, content) for name, content in files.items()]
    entries.append(LayerFile(at + INSTALLER, part.installer, 0o755))
    return layout.add_layer("indexes of all groups", entries, compressed=True)
