"""`check` of one system, and of every `[[image]]` table of a manifest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from package_cache.cache.layout import CacheFolder
from package_cache.check.prediction import check
from package_cache.check.target import opened
from package_cache.check.trial_install import try_install
from package_cache.check.verdict import CheckResult
from package_cache.errors import PackageCacheError, UsageError, unforeseen
from package_cache.events import Listener
from package_cache.manifest.model import Manifest, Where
from package_cache.sandbox.isolation import isolation_for, strongest_isolation
from package_cache.tools import need_for_check


@dataclass(frozen=True)
class CheckOptions:
    """The options that apply to every checked system."""

    state: Path
    install: bool = False
    """Whether to install each group in a disposable copy of the system."""


def check_one(
    groups: Sequence[str], cache: CacheFolder, where: Where, options: CheckOptions, listener: Listener
) -> CheckResult:
    """Check groups in one system; with `options.install` also install them in a copy of it, if it has a root."""
    install = options.install and where.has_root
    need_for_check([where.image], install=install)
    if install:
        strongest_isolation(uncontained=False)  # before an image is pulled
    with opened(where, state=options.state, listener=listener) as (seen, make_root):
        result = check(groups, cache, seen, listener)
        if not install or make_root is None or not result.architecture:  # without dpkg every group is a miss
            return result
        isolation = isolation_for(result.architecture)
        return replace(result, runs=try_install(result, cache, make_root(isolation), isolation, listener))


def check_matrix(
    manifest: Manifest, cache: CacheFolder, options: CheckOptions, listener: Listener, authfile: Path | None
) -> dict[str, CheckResult | PackageCacheError]:
    """Check each image of a manifest; return the results, or the errors that prevented them, by the images' names.

    An image that cannot be read does not stop the check of the others. Raises `UsageError` if the manifest names none.
    """
    if not manifest.images:
        hint = "add a table for each image: [[image]] with name, and reference, root, or status and system"
        raise UsageError(f"cannot check {manifest.path}: it has no [[image]] table", hint=hint)
    systems = [image.where.with_authfile(authfile) for image in manifest.images]
    roots = any(where.has_root for where in systems)
    need_for_check([where.image for where in systems], install=options.install and roots)
    all_groups = tuple(dict.fromkeys(group.name for group in manifest.groups))
    results: dict[str, CheckResult | PackageCacheError] = {}
    for image, where in zip(manifest.images, systems, strict=True):
        try:
            results[image.name] = check_one(image.groups or all_groups, cache, where, options, listener)
        except PackageCacheError as error:
            results[image.name] = error
        except Exception as error:
            results[image.name] = unforeseen(error, f"cannot check {image.name}")
    return results
