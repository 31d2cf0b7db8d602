"""`check` of one system, and of all that the `[[image]]` tables of a manifest name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.cache.layout import CacheFolder
from package_cache.check.prediction import CheckResult, check
from package_cache.check.target import Where, opened
from package_cache.check.trial_install import Run, prove, status_of
from package_cache.errors import PackageCacheError, UsageError, unforeseen
from package_cache.events import Listener, ignore
from package_cache.exit_codes import ExitStatus
from package_cache.manifest.model import CheckedImage, Manifest
from package_cache.sandbox.isolation import isolation_for, require_containment
from package_cache.tools import need_for_check


@dataclass(frozen=True)
class CheckOptions:
    """What holds for all systems."""

    state: Path
    install: bool = False
    """Also for real."""


@dataclass(frozen=True)
class Cell:
    """What was found of one system."""

    result: CheckResult
    runs: tuple[Run, ...] = ()

    @property
    def status(self) -> ExitStatus:
        """That of the first installation that failed; where none was tried, that of the first miss."""
        return status_of(self.runs) if self.runs else self.result.status


@dataclass(frozen=True)
class MatrixRow:
    """What was found of one image of a manifest, or what kept it from being looked at."""

    image: CheckedImage
    cell: Cell | None
    error: PackageCacheError | None = None

    @property
    def status(self) -> ExitStatus:
        """Of this image alone."""
        if self.error is not None:
            return self.error.status
        assert self.cell is not None
        return self.cell.status


def check_one(
    groups: Sequence[str], cache: CacheFolder, where: Where, options: CheckOptions, listener: Listener = ignore
) -> Cell:
    """Check groups in one system, and with `options.install` install them there for real."""
    need_for_check([where.image], install=options.install and where.has_root)
    if options.install and where.has_root:
        require_containment()  # before an image is pulled
    with opened(where, state=options.state, listener=listener) as (seen, make_root):
        result = check(groups, cache, seen, listener)
        if not options.install or not where.has_root or not result.architecture:  # without dpkg all is a miss
            return Cell(result)
        isolation = isolation_for(result.architecture)
        return Cell(result, prove(result, cache, make_root(isolation), isolation, listener))


def check_matrix(
    manifest: Manifest,
    cache: CacheFolder,
    options: CheckOptions,
    listener: Listener = ignore,
    *,
    authfile: Path | None = None,
) -> tuple[MatrixRow, ...]:
    """Check each image of a manifest. One that cannot be looked at keeps no other from it.

    Raises `UsageError` where the manifest names none.
    """
    if not manifest.images:
        hint = "write a table for each: [[image]] with name, and reference, root, or status and system"
        raise UsageError(f"cannot check {manifest.path}: it has no [[image]] table", hint=hint)
    systems = [Where.of(image, authfile) for image in manifest.images]
    roots = any(where.has_root for where in systems)
    need_for_check([where.image for where in systems], install=options.install and roots)
    all_groups = tuple(dict.fromkeys(group.name for group in manifest.groups))
    rows = []
    for image, where in zip(manifest.images, systems, strict=True):
        groups = image.groups or all_groups
        try:
            rows.append(MatrixRow(image, check_one(groups, cache, where, options, listener)))
        except PackageCacheError as error:
            rows.append(MatrixRow(image, None, error))
        except Exception as error:
            rows.append(MatrixRow(image, None, unforeseen(error, f"cannot check {image.name}")))
    return tuple(rows)


def status_of_matrix(rows: Sequence[MatrixRow]) -> ExitStatus:
    """Give the status of the first image in which not all is well."""
    return next((row.status for row in rows if row.status is not ExitStatus.INSTALLED), ExitStatus.INSTALLED)
