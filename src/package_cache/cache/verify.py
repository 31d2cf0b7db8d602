"""`verify`: check that every file of a cache still has its hash, and that recordings fit their groups."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from package_cache.cache.checked_files import read_file, read_list, read_recordings
from package_cache.cache.description import DescribedGroup, read_description
from package_cache.cache.layout import (
    PACKAGE_LIST,
    RECORDINGS,
    RELEASE,
    SIGNATURE,
    SIGNED_RELEASE,
    CacheFolder,
    is_about_all,
    pool_file,
)
from package_cache.cache.recordings import group_digest
from package_cache.cache.release import stated_digests
from package_cache.errors import CacheError
from package_cache.events import Listener, Progress, ignore
from package_cache.filesystem.confined import Inside
from package_cache.signatures import Keyring, Signature


@dataclass(frozen=True)
class VerifyResult:
    """What was verified, and every problem."""

    files: int
    bytes: int
    problems: tuple[str, ...]


def verify(cache: CacheFolder, listener: Listener = ignore, *, trusted: Keyring | None = None) -> VerifyResult:
    """Hash every file that the description names, and compare recordings with what is said of them.

    With trusted keys, every group must be signed by one of them.

    Raises `CacheError` if there is no description to go by.
    """
    description = read_description(cache)
    expected, problems = description.digests(), []
    packages: set[str] = set()
    for group in description.groups:
        try:
            packages.update(package.sha256 for package in read_list(cache, group))
        except CacheError as error:
            problems.append(error.message)
        if trusted and (why := _distrust(cache, group, trusted)):
            problems.append(f"{cache.path / group.folder / RELEASE}: {why}")
        for place, problem in _recording_problems(cache, group):
            problems.append(problem)
            expected.pop(place, None)
    expected |= {pool_file(digest): digest for digest in sorted(packages)}
    size = 0
    listener(Progress("verifying", 0, len(expected), "files"))
    with ThreadPoolExecutor() as pool:
        looked_at = pool.map(partial(_look, cache.inside), expected, expected.values())
        for number, (problem, read) in enumerate(looked_at, 1):
            problems += [problem] if problem else []
            size += read
            listener(Progress("verifying", number, len(expected), "files"))
    return VerifyResult(len(expected), size, tuple(problems))


def _distrust(cache: CacheFolder, group: DescribedGroup, trusted: Keyring) -> str:
    """Return why a group is not signed by a trusted key; empty if it is."""
    if SIGNATURE not in group.files:
        return "it is not signed"
    try:
        release, clear, detached = (read_file(cache, group, name) for name in (RELEASE, SIGNED_RELEASE, SIGNATURE))
    except CacheError as error:
        return error.message
    stated = {name: digest for name, digest in group.files.items() if not is_about_all(name)}
    if stated_digests(release) != stated:
        return "it does not state the files of its folder"
    return trusted.check(release, Signature(clear, detached))


def _recording_problems(cache: CacheFolder, group: DescribedGroup) -> Iterator[tuple[str, str]]:
    """Yield each problem, and before it the place of a file not to read: a sparse file can be endless."""
    try:
        recordings = read_recordings(cache, group)
        needed = [name for name in group.files if recordings and (name == PACKAGE_LIST or name.endswith(".group"))]
        files = {name: read_file(cache, group, name) for name in needed}
        for recording in recordings:
            place = f"{group.folder}/{recording.file}"
            size = cache.inside.size(place)
            if size != recording.bytes:
                problem = f"{cache.path / place}: its size is not what {RECORDINGS} states"
                yield (place if size > recording.bytes else ""), problem
            if recording.group_digest != group_digest(files, recording.architecture):
                yield "", f"{cache.path / place}: it was recorded when the group was another: record it again"
    except CacheError as error:
        yield from (("", str(problem)) for problem in error.problems or [error.message])


def _look(inside: Inside, name: str, sha256: str) -> tuple[str, int]:
    path = inside.path / name
    try:
        size = inside.status(name).st_size
        if inside.sha256(name) == sha256:
            return "", size
    except FileNotFoundError:
        return f"{path}: is missing", 0
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror}", 0
    return f"{path}: its bytes do not fit its hash", size
