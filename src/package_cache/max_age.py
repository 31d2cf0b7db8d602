"""The age limits of `build` and `stage`. The installer has none: an old cache must not break a job."""

import datetime
from pathlib import Path

from package_cache.ages import age_text, parse_time
from package_cache.cache.consistent_read import once_settled
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.errors import CacheError, LockError
from package_cache.exit_codes import ExitStatus
from package_cache.lock.model import Lock


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


def refuse_old_cache(cache: CacheFolder, limit: datetime.timedelta, now: datetime.datetime) -> None:
    """Raise `CacheError` if a cache, or the lock from which it was built, is older than the limit."""
    description = once_settled(cache, lambda: read_description(cache))
    times = {"was built": description.created, **({"was locked": description.locked} if description.locked else {})}
    for what, time in times.items():
        parsed = parse_time(time)
        if parsed is None:
            message = f"cannot tell how old {cache.path} is: when it {what} is not a time: {time!r}"
            raise CacheError(message, hint="build the cache again")
        age = now - parsed
        if age > limit:
            raise CacheError(
                f"cannot stage from {cache.path}: it {what} {time}, {age_text(age)} ago, and --max-age is "
                f"{age_text(limit)}",
                hint="lock and build it again: package-cache lock, package-cache build",
                status=ExitStatus.TOO_OLD,
            )
