"""Predict whether groups install offline in a container system, without running any of its programs."""

import contextlib
from collections.abc import Sequence

from package_cache.cache.consistent_read import once_settled
from package_cache.cache.layout import GROUPS, CacheFolder
from package_cache.check.dry_run import dry_run
from package_cache.check.target import SeenSystem
from package_cache.check.verdict import CheckResult, Verdict
from package_cache.errors import CacheError, UsageError
from package_cache.events import Listener, Step, ignore
from package_cache.exit_codes import ExitStatus
from package_cache.names import GROUP_NAME

_CACHE_MISSES = (
    ExitStatus.NO_SUCH_GROUP, ExitStatus.NOT_FOR_SYSTEM, ExitStatus.NOT_FOR_ARCHITECTURE, ExitStatus.CACHE_MISSING,
    ExitStatus.CACHE_DAMAGED,
)  # fmt: skip
"""Misses that a concurrent build or stage may be about to resolve."""


def check(groups: Sequence[str], cache: CacheFolder, seen: SeenSystem, listener: Listener = ignore) -> CheckResult:
    """Predict for each group, or for every group of the cache, what the installer does in this system.

    Raises `UsageError` for an invalid group name, `CacheError` if the cache has no groups, and what `dry_run` raises.
    """
    for name in groups:
        if not GROUP_NAME.fullmatch(name):
            raise UsageError(f"cannot check {name!r}: this is not a valid group name")
    verdicts = []
    for name in dict.fromkeys(groups) or _all_groups(cache):
        listener(Step(f"checking {name} in {seen.name}"))
        verdicts.append(_verdict(name, cache, seen))
    return CheckResult(seen.name, seen.system, seen.architecture or "", seen.digest, seen.asked, tuple(verdicts))


def _verdict(name: str, cache: CacheFolder, seen: SeenSystem) -> Verdict:
    verdicts: list[Verdict] = []

    def run() -> None:
        verdicts.append(dry_run(name, cache, seen))
        if verdicts[-1].status in _CACHE_MISSES:
            raise CacheError(f"cannot install: {verdicts[-1].message}")

    with contextlib.suppress(CacheError):
        once_settled(cache, run)
    return verdicts[-1]


def _all_groups(cache: CacheFolder) -> tuple[str, ...]:
    try:
        folders = cache.inside.names(GROUPS)
    except OSError:
        hint = "check the mount, or name the folder with --cache"
        message = f"cannot check: there is no cache at {cache.path}"
        raise CacheError(message, hint=hint, status=ExitStatus.CACHE_MISSING) from None
    names = sorted({name.rpartition("-")[0] for name in folders})
    found = tuple(name for name in names if GROUP_NAME.fullmatch(name))
    if not found:
        hint = "build the cache of a manifest with groups"
        message = f"cannot check: the cache at {cache.path} has no groups"
        raise CacheError(message, hint=hint, status=ExitStatus.NO_SUCH_GROUP)
    return found
