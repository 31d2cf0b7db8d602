"""`check`: whether groups will install offline in a container system, found out without running anything of it."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from package_cache.cache.consistent_read import once_settled
from package_cache.cache.layout import GROUPS, CacheFolder
from package_cache.check.dry_run import dry_run
from package_cache.check.target import SeenSystem
from package_cache.check.verdict import Prediction, Verdict
from package_cache.errors import CacheError, UsageError
from package_cache.events import Listener, Step, ignore
from package_cache.exit_codes import ExitStatus
from package_cache.names import GROUP_NAME

_OF_THE_CACHE = (
    ExitStatus.NO_SUCH_GROUP, ExitStatus.NOT_FOR_SYSTEM, ExitStatus.NOT_FOR_ARCHITECTURE, ExitStatus.CACHE_MISSING,
    ExitStatus.CACHE_DAMAGED,
)  # fmt: skip
"""Misses that a writer of the cache may be about to end."""


@dataclass(frozen=True)
class CheckResult:
    """The verdicts on all groups that were asked for."""

    name: str
    system: str
    architecture: str
    digest: str
    """Of the image's manifest that was read; empty where it is no image."""
    asked: str
    """The digest by which the image was named; empty where it was named by none."""
    verdicts: tuple[Verdict, ...]

    @property
    def status(self) -> ExitStatus:
        """That of the first miss; INSTALLED where there is none."""
        return next((item.status for item in self.verdicts if item.prediction is Prediction.MISS), ExitStatus.INSTALLED)


def check(groups: Sequence[str], cache: CacheFolder, seen: SeenSystem, listener: Listener = ignore) -> CheckResult:
    """Predict for each group, or for all that the cache has, what the installer comes to in this system.

    Raises `UsageError` for what is no group's name, `CacheError` if the cache has no groups, and what `dry_run` raises.
    """
    for name in groups:
        if not GROUP_NAME.fullmatch(name):
            raise UsageError(f"cannot check {name!r}: that is not a group's name")
    verdicts = []
    for name in dict.fromkeys(groups) or _all_groups(cache):
        listener(Step(f"checking {name} in {seen.name}"))
        verdicts.append(_verdict(name, cache, seen))
    return CheckResult(seen.name, seen.system, seen.architecture or "", seen.digest, seen.asked, tuple(verdicts))


def _verdict(name: str, cache: CacheFolder, seen: SeenSystem) -> Verdict:
    verdicts: list[Verdict] = []

    def run() -> None:
        verdicts.append(dry_run(name, cache, seen))
        if verdicts[-1].status in _OF_THE_CACHE:
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
