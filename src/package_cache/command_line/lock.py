"""`package-cache lock`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from package_cache.command_line.amounts import count, in_bytes
from package_cache.command_line.options import LOCK, archive_options, given_manifest, given_options, json_option
from package_cache.command_line.render import Renderer
from package_cache.outside.files import read_regular, sha256_of, write_atomically
from package_cache.outside.writing import writing_to
from package_cache.values.errors import LockError
from package_cache.values.lock import Lock
from package_cache.values.lock_file import lock_text, read_lock
from package_cache.values.manifest import Manifest
from package_cache.verbs.lock import make_lock
from package_cache.verbs.options import Options


@dataclass(frozen=True)
class _Locked:
    path: Path
    systems: int
    packages: int
    bytes: int


@click.command("lock")
@archive_options
@json_option
@click.pass_obj
def lock_command(renderer: Renderer, /, manifest: Path | None, **rest: Any) -> int:
    """Resolve a manifest to exact versions, hashes and origins, and write package-cache.lock beside it.

    Signatures are verified. Commit the lock: building from it gives the same cache.

    \b
    Example:
      package-cache lock --manifest package_cache_info
    """
    read = given_manifest(manifest)
    lock = write_lock(renderer, read, given_options(**rest, manifest=read))
    packages = {package.sha256: package.size for system in lock.systems for package in system.packages}
    result = _Locked(lock_path(read), len(lock.systems), len(packages), sum(packages.values()))
    text = f"{result.path}: {count(result.packages, 'package')}, {in_bytes(result.bytes)}, for " + ", ".join(
        str(system.system) for system in lock.systems
    )
    return renderer.result(text, result)


def lock_path(manifest: Manifest) -> Path:
    """Give the place of a manifest's lock."""
    return manifest.path.parent / LOCK


def lock_digest(manifest: Manifest) -> str | None:
    """Give the SHA-256 of a manifest's lock, by which a cache knows it; None where there is none that can be read."""
    try:
        return sha256_of(lock_path(manifest))
    except OSError:
        return None


def write_lock(renderer: Renderer, manifest: Manifest, options: Options) -> Lock:
    """Make a manifest's lock and write it beside it."""
    with renderer.listening() as listener:
        lock = make_lock(manifest, options, listener)
    with writing_to(lock_path(manifest).parent):
        write_atomically(lock_path(manifest), lock_text(lock).encode())
    return lock


def current_lock(renderer: Renderer, manifest: Manifest, options: Options) -> Lock:
    """Give a manifest's lock: the one beside it, or, where there is none, a new one. Raises `LockError` where stale."""
    path, hint = lock_path(manifest), "make it anew: package-cache lock"
    try:
        text = read_regular(path).decode()
    except FileNotFoundError:
        return write_lock(renderer, manifest, options)
    except UnicodeDecodeError as error:
        raise LockError(f"cannot read {path}: it is not UTF-8", hint=hint) from error
    except OSError as error:
        raise LockError(f"cannot read {path}: {error.strerror or error}", hint=hint) from error
    lock = read_lock(text, file=str(path))
    if lock.manifest_digest != manifest.digest:
        raise LockError(
            f"cannot build from {path}: it is stale, for {manifest.path} was changed after it was locked",
            hint=f"lock again: package-cache lock --manifest {manifest.path}",
        )
    return lock
