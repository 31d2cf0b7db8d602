"""From one state of a cache to the next: a reader finds complete groups at any moment, even after an interruption."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from package_cache.cache.checked_files import read_list
from package_cache.cache.description import DescribedGroup, Description, read_description
from package_cache.cache.file_content import FileContent, create_file, sha256_of, size_of
from package_cache.cache.layout import BY_HASH, GROUPS, INSTALLER, POOL, CacheFolder, group_folder
from package_cache.errors import CacheError
from package_cache.filesystem.confined import Inside

GroupFiles = Mapping[tuple[str, str], Mapping[str, FileContent]]
"""The files of some groups, by name and system."""


def publish(cache: CacheFolder, description: Description, groups: GroupFiles, installer: bytes) -> None:
    """Put groups, the installer and the description into a cache whose pool has all their packages.

    What is about to change is first taken out of the description that is there: it is true at any moment.
    """
    cache.inside.sync(POOL)
    _stop_describing(cache, description)
    for (name, system), files in groups.items():
        publish_group(cache, name, system, files)
    cache.inside.write(INSTALLER, installer, mode=0o755)
    description.write(cache)


def replace_groups(cache: CacheFolder, description: Description, groups: GroupFiles) -> None:
    """Put groups and the description into a cache that has all their packages and the installer already."""
    _stop_describing(cache, description)
    for (name, system), files in groups.items():
        publish_group(cache, name, system, files)
    description.write(cache)


def _stop_describing(cache: CacheFolder, new: Description) -> None:
    try:
        old = read_description(cache)
    except CacheError:  # nothing there yet, or nothing that can be read
        return
    files = {(group.name, group.system): group.files for group in new.groups}
    staying: list[DescribedGroup] = []
    sizes: dict[str, int] = {}
    for group in old.groups:
        if files.get((group.name, group.system)) in (None, group.files):
            with contextlib.suppress(CacheError):  # altered: not what it is described as
                sizes.update((package.sha256, package.size) for package in read_list(cache, group))
                staying.append(group)
    installer = old.installer_digest if old.installer_digest == new.installer_digest else ""
    if (tuple(staying), installer) != (old.groups, old.installer_digest):
        # Of no lock any more: a build of the old one has to do something again.
        replace(old.with_groups(staying, sizes), installer_digest=installer, lock_digest="").write(cache)


def publish_group(cache: CacheFolder, group: str, system_name: str, files: Mapping[str, FileContent]) -> None:
    """Write a group's folder so that a reader finds the old one or the new one, complete.

    A file may be copied from the folder that is replaced. Raises `CacheError` if one that is copied was altered.
    """
    inside, place = cache.inside, group_folder(group, system_name)
    if _holds(inside, place, files):
        return
    inside.make_folder(GROUPS, exist_ok=True)
    new = inside.make_new_folder(GROUPS)
    try:
        if any(name.startswith(BY_HASH) for name in files):
            inside.make_folder(f"{new}/{BY_HASH.partition('/')[0]}")
            inside.make_folder(f"{new}/{BY_HASH}")
        for name, content in files.items():
            create_file(inside, f"{new}/{name}", content)
        inside.sync(new)
        inside.set_mode(new, 0o755)
        inside.replace_folder(new, place)
    except BaseException:
        with contextlib.suppress(OSError):
            inside.remove(new)
        raise


def _holds(inside: Inside, place: str, files: Mapping[str, FileContent]) -> bool:
    try:
        nested = {name for name in files if name.startswith(BY_HASH)}
        there = {f"{BY_HASH}/{name}" for name in inside.names(f"{place}/{BY_HASH}")} if nested else set()
        top = {name.partition("/")[0] for name in files}
        return (set(inside.names(place)), there) == (top, nested) and all(
            _has(inside, f"{place}/{name}", content) for name, content in files.items()
        )
    except OSError:
        return False


def _has(inside: Inside, name: str, content: FileContent) -> bool:
    same_size = inside.status(name).st_size == size_of(content)  # a sparse file can be endless
    return same_size and inside.sha256(name) == sha256_of(content)
