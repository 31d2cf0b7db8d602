"""`gc`: remove from a cache's pool what none of its groups needs any more, also none that a job may still be reading.

What is found unneeded is noted in `pool/.unneeded` (JSON: when each was first found so), and goes when it has been so
for the grace: by then whoever read the group that needed it has ended. It is a writer like `stage`, and like the
script of the init form, which knows no lock: all that it removes is renamed to a `groups/.new-*` of its own first, and
it stops where another process removes that, or is already at work.
"""

import contextlib
import errno
import hashlib
import json
import re
import stat
from dataclasses import dataclass

from package_cache.bounded_json import load_json
from package_cache.cache.description import read_description
from package_cache.cache.layout import GROUPS, INDEX, LOCK, POOL, CacheFolder, is_index
from package_cache.cache.release import stated_digests
from package_cache.errors import CacheError
from package_cache.filesystem.confined import Inside
from package_cache.filesystem.write_errors import writing_to

NOTES = f"{POOL}/.unneeded"
OTHER_LIMIT = 600.0
"""Seconds to wait for another writer."""

AT_WORK = 3600.0
"""Seconds for which the folder of a `stage` counts as in use; after that, as left by a killed process."""

_OF_LOCK_HOLDER = re.compile(r"\.new-[a-z0-9_]{8}(?:\.old)?", re.ASCII)
"""The folders of those who hold the lock (tempfile's names); the init form's script takes a UUID."""

_FILENAME = re.compile(rb"^Filename: pool/([0-9a-f]{64}\.deb)$", re.MULTILINE)


@dataclass(frozen=True)
class GcResult:
    """What was found, and removed. All sizes in bytes."""

    dry_run: bool
    busy: bool
    """Another process stages to the cache, or began to: the next run removes the rest."""
    removed: int
    """Files, or what would be removed; leftovers of writers that were killed among them."""
    removed_bytes: int
    waiting: int
    """Files that are not needed, but have not been so for long enough."""
    waiting_bytes: int
    kept: int
    kept_bytes: int


@dataclass(frozen=True)
class _Found:
    """Names, from the cache on, and their bytes."""

    old: dict[str, int]
    waiting: dict[str, int]
    kept: dict[str, int]
    notes: dict[str, float]
    """When each of what is waiting was first found, by name."""

    def result(self, removed: dict[str, int], *, dry_run: bool = False, busy: bool = False) -> GcResult:
        """Return the result where these files were removed, or would be."""
        waiting = {**self.waiting, **{name: size for name, size in self.old.items() if name not in removed}}
        counts = (number for files in (removed, waiting, self.kept) for number in (len(files), sum(files.values())))
        return GcResult(dry_run, busy, *counts)


def gc(cache: CacheFolder, grace: float, now: float, *, dry_run: bool = False) -> GcResult:
    """Remove what has been unneeded for `grace` seconds at `now` (of the epoch).

    A dry run takes no lock and writes nothing. Raises `CacheError` where there is no cache, or where a group cannot
    be read, so that its needs are unknown; then nothing is removed.
    """
    read_description(cache)
    if dry_run:
        found = _look(cache, grace, now)
        return found.result(found.old, dry_run=True, busy=_others(cache, now, locked=False) is None)
    with writing_to(cache.path), cache.inside.locked(LOCK, wait=OTHER_LIMIT):
        killed = _others(cache, now, locked=True)
        found = _look(cache, grace, now)
        if killed is None:
            return found.result({}, busy=True)
        if cache.inside.kind(NOTES) == stat.S_IFDIR:  # no writer makes one
            killed.append(NOTES)
        removed = _remove({**{name: cache.inside.size(name) for name in killed}, **found.old}, cache.inside)
        if removed is None:
            return _look(cache, grace, now).result({}, busy=True)
        if found.notes:
            cache.inside.write(NOTES, json.dumps(found.notes, indent=1, sort_keys=True).encode())
        else:
            cache.inside.remove(NOTES)
        return found.result(removed)


def _others(cache: CacheFolder, now: float, *, locked: bool) -> list[str] | None:
    """Return the folders of killed writers; None where one may be at work. `locked`: we hold the cache's lock."""
    names = [name for name in cache.inside.names(GROUPS) if name.startswith(".new-")]
    for name in names:
        if locked and _OF_LOCK_HOLDER.fullmatch(name):
            continue
        with contextlib.suppress(OSError):  # it is gone, or no folder
            if abs(now - cache.inside.status(f"{GROUPS}/{name}").st_mtime) < AT_WORK:
                return None
    return [f"{GROUPS}/{name}" for name in names]


def _look(cache: CacheFolder, grace: float, now: float) -> _Found:
    needed = _needed(cache)
    before = _notes(cache, now)
    found = _Found({}, {}, {}, {})
    for name in cache.inside.names(POOL):
        path = f"{POOL}/{name}"
        if name in needed:
            found.kept[path] = cache.inside.size(path)
        elif path != NOTES:
            first = before.get(name, now)
            if now - first >= grace:
                found.old[path] = cache.inside.size(path)
            else:
                found.waiting[path] = cache.inside.size(path)
                found.notes[name] = first
    return found


def _needed(cache: CacheFolder) -> set[str]:
    """Return the names of the package files that a group takes which is described, or can be seen, or was before."""
    for folder in (GROUPS, POOL):
        if cache.inside.kind(folder) != stat.S_IFDIR:
            message = f"cannot tidy {cache.path}: {cache.path / folder} is no folder"
            raise CacheError(message, hint="build or stage the cache again")
    described = {group.folder for group in read_description(cache).groups}
    seen = {f"{GROUPS}/{name}" for name in cache.inside.names(GROUPS) if not name.startswith(".")}
    needed: set[str] = set()
    for folder in sorted(described | seen):
        for index in _indexes(cache.inside, folder):
            needed.update(name.decode() for name in _FILENAME.findall(index))
    return needed | _needed_before(cache)


def _indexes(inside: Inside, folder: str) -> list[bytes]:
    """Return a group's indexes. Raises `CacheError` where one is not as it was: who knows what that one named?"""
    contents = []
    try:
        stated = stated_digests(inside.read(f"{folder}/Release", "cache-file-bytes"))
        for name in sorted({INDEX, *filter(is_index, stated)}):
            contents.append(inside.read(f"{folder}/{name}", "cache-file-bytes"))
            if hashlib.sha256(contents[-1]).hexdigest() != stated.get(name):
                raise _unknown(inside, folder, f"{name} is not the file that its Release states (SHA-256)")
    except OSError as error:
        raise _unknown(inside, folder, error.strerror or str(error)) from error
    return contents


def _needed_before(cache: CacheFolder) -> set[str]:
    """Return what the script of the init form keeps for jobs of the time before."""
    place = ".staged/needed"
    try:
        lines = cache.inside.read(place, "cache-file-bytes").decode("ascii", "replace").split()
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise _unknown(cache.inside, place, error.strerror or str(error)) from error
    return {f"{line}.deb" for line in lines}


def _unknown(inside: Inside, place: str, why: str) -> CacheError:
    hint = "build or stage the cache again; nothing was removed"
    return CacheError(f"cannot tell what {inside.path / place} needs: {why}", hint=hint)


def _notes(cache: CacheFolder, now: float) -> dict[str, float]:
    """Return when each file was first found unused; invalid and future times are ignored."""
    try:
        document = load_json(cache.inside.read(NOTES, "cache-file-bytes"))
    except (OSError, ValueError, RecursionError):
        return {}
    found = document.items() if isinstance(document, dict) else ()
    return {name: time for name, time in found if type(time) in (int, float) and 0 < time <= now}


def _remove(sizes: dict[str, int], inside: Inside) -> dict[str, int] | None:
    """Remove what lies in the cache, as the script of the init form does. None if another process began meanwhile."""
    waiting = list(sizes)
    removed = {}
    try:
        own = inside.make_new_folder(GROUPS)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not waiting:
            raise
        first = waiting.pop(0)  # the disk is full, and this is how it gets empty
        inside.remove(first)
        removed[first] = sizes[first]
        own = inside.make_new_folder(GROUPS)
    try:
        for number, name in enumerate(waiting):
            try:
                inside.rename(name, f"{own}/{number}")
                removed[name] = sizes[name]
            except FileNotFoundError:
                if not inside.kind(own):
                    return None
    finally:
        with contextlib.suppress(OSError):
            inside.remove(own)
    return removed
