"""`verify`: check that every file of a cache still has its hash."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from package_cache.cache.checked_files import read_list
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder, pool_file
from package_cache.errors import CacheError
from package_cache.events import Listener, Progress, ignore
from package_cache.filesystem.confined import Inside


@dataclass(frozen=True)
class VerifyResult:
    """What was verified, and every problem."""

    files: int
    bytes: int
    problems: tuple[str, ...]


def verify(cache: CacheFolder, listener: Listener = ignore) -> VerifyResult:
    """Hash every file that the description names. Raises `CacheError` if there is no description to go by."""
    description = read_description(cache)
    expected, problems = description.digests(), []
    packages: set[str] = set()
    for group in description.groups:
        try:
            packages.update(package.sha256 for package in read_list(cache, group))
        except CacheError as error:
            problems.append(error.message)
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
