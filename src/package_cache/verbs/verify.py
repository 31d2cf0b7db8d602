"""`verify`: that every byte of a cache still fits its hash."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from package_cache.cache.contents import read_list
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.outside.files import sha256_of
from package_cache.values.errors import CacheError
from package_cache.values.events import Listener, Progress, ignore


@dataclass(frozen=True)
class VerifyResult:
    """What was looked at, and all that is wrong with it."""

    files: int
    bytes: int
    problems: tuple[str, ...]


def verify(cache: CacheFolder, listener: Listener = ignore) -> VerifyResult:
    """Hash every file that the description names. Raises `CacheError` where there is no description to go by."""
    problems: list[str] = []
    expected = dict(_expected(cache, problems))
    size = 0
    listener(Progress("verifying", 0, len(expected), "files"))
    with ThreadPoolExecutor() as pool:
        for number, (problem, read) in enumerate(pool.map(_look, expected, expected.values()), 1):
            problems += [problem] if problem else []
            size += read
            listener(Progress("verifying", number, len(expected), "files"))
    return VerifyResult(len(expected), size, tuple(problems))


def _expected(cache: CacheFolder, problems: list[str]) -> Iterator[tuple[Path, str]]:
    """Yield each file with the SHA-256 that it should have; adds to `problems` where a group does not say it."""
    description = read_description(cache)
    if description.installer_digest:
        yield cache.installer, description.installer_digest
    digests: set[str] = set()
    for group in description.groups:
        for name, digest in sorted(group.files.items()):
            yield cache.group(group.name, group.system) / name, digest
        try:
            digests.update(package.sha256 for package in read_list(cache, group))
        except CacheError as error:
            problems.append(error.message)
    for digest in sorted(digests):
        yield cache.package(digest), digest


def _look(path: Path, sha256: str) -> tuple[str, int]:
    try:
        size = path.stat().st_size
        if sha256_of(path) == sha256:
            return "", size
    except FileNotFoundError:
        return f"{path}: is missing", 0
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror}", 0
    return f"{path}: its bytes do not fit its hash", size
