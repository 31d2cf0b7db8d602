"""The lock of a manifest: where it lies, whether it is current and young enough, and how it is saved."""

import datetime
from os.path import lexists
from pathlib import Path

from package_cache.ages import age_text, parse_time
from package_cache.errors import LockError
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.paths import sha256_of, write_atomically
from package_cache.filesystem.write_errors import writing_to
from package_cache.lock.file import checked_text, read_lock_file
from package_cache.lock.model import Lock
from package_cache.manifest.model import Manifest

DEFAULT_MANIFESTS = ("package_cache_info", "package-cache.toml")
LOCK = "package-cache.lock"


def lock_path(manifest: Manifest) -> Path:
    """Return the path of a manifest's lock: `package-cache.lock` for a manifest with a default name, else NAME.lock.

    Earlier releases named every lock `package-cache.lock`; such a lock of this manifest stays in use.
    """
    name, shared = manifest.path.name, manifest.path.parent / LOCK
    if name in DEFAULT_MANIFESTS:
        return shared
    own = manifest.path.with_name(f"{name.removesuffix('.toml')}.lock")
    return shared if not lexists(own) and _manifest_of(shared) == name else own


def _manifest_of(path: Path) -> str | None:
    """Return the name of the manifest that a lock was made from; None if there is no readable lock."""
    try:
        return read_lock_file(path).manifest if lexists(path) else None
    except LockError:
        return None


def lock_digest(manifest: Manifest) -> str | None:
    """Return the SHA-256 of a manifest's lock, which a cache records; None if there is no readable lock."""
    try:
        return sha256_of(lock_path(manifest))
    except OSError:
        return None


def previous_lock(manifest: Manifest, *, needed: bool) -> Lock | None:
    """Return the existing lock, stale or not; None if there is none, or if it is unreadable and not `needed`."""
    path = lock_path(manifest)
    try:
        return read_lock_file(path) if path.exists() else None
    except LockError:
        if needed:
            raise
        return None


def current_lock(manifest: Manifest) -> Lock:
    """Return the lock of a manifest. Raises `LockError` if there is none, or if it is stale."""
    path = lock_path(manifest)
    lock = read_lock_file(path)
    _refuse_other(path, manifest)
    if lock.manifest_digest != manifest.digest:
        raise LockError(
            f"cannot use {path}: it is stale: {manifest.path} changed after it was locked",
            hint=f"lock again: package-cache lock --manifest {manifest.path}",
        )
    return lock


def refuse_old_lock(lock: Lock, path: Path, limit: datetime.timedelta, now: datetime.datetime) -> None:
    """Raise `LockError` if a lock is older than the limit, or does not state its time."""
    hint = "lock again: package-cache lock, with --dated if the manifest has no max-age"
    if not lock.created:
        raise LockError(f"cannot tell how old {path} is, and max-age is {age_text(limit)}", hint=hint)
    created = parse_time(lock.created)
    if created is None:
        raise LockError(f"cannot tell how old {path} is: 'created' is not a time: {lock.created!r}", hint=hint)
    age = now - created
    if age > limit:
        raise LockError(
            f"cannot build from {path}: it was created {lock.created}, {age_text(age)} ago, "
            f"and max-age is {age_text(limit)}",
            hint=hint,
            status=ExitStatus.TOO_OLD,
        )


def save_lock(lock: Lock, manifest: Manifest) -> None:
    """Write the lock of a manifest. Raises `LockError` if the file is the lock of another manifest."""
    path = lock_path(manifest)
    _refuse_other(path, manifest)
    text = checked_text(lock)
    with writing_to(path.parent):
        write_atomically(path, text.encode())


def _refuse_other(path: Path, manifest: Manifest) -> None:
    """Raise `LockError` if the lock belongs to another manifest in the same folder."""
    other = _manifest_of(path)
    if other not in (None, manifest.path.name) and lexists(path.with_name(other)):
        raise LockError(
            f"cannot use {path} for {manifest.path}: it is the lock of {path.with_name(other)}",
            hint="move one of the two manifests to its own folder",
        )
