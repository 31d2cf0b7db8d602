"""Build the cache of the action's request: the groups for this machine's OS release and architecture, and no others.

    build_cache.py CACHE WORK

The request is in the variables that action.yml sets. WORK gets the files `requests` (packages, for a fallback) and
`lock` (16 digits of the lock's SHA-256).
"""

import os
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import click
import tomli_w

from package_cache.build.builder import Order, build
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import given_options
from package_cache.cli.plain_log import PlainLog
from package_cache.cli.render import Renderer
from package_cache.errors import ManifestError, PackageCacheError, Problem, unforeseen
from package_cache.events import Listener
from package_cache.filesystem.paths import text_digest
from package_cache.lock.file import lock_text
from package_cache.lock.model import Lock
from package_cache.manifest import read_manifest
from package_cache.manifest.model import Group, Manifest
from package_cache.manifest_lock import current_lock, lock_path
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.settings import Options

OWN_GROUP = "packages"
"""The group of a manifest that is written for the input `packages`; request.sh names it as well."""


def main() -> int:
    """Build the cache; return an exit status of the table."""
    renderer = Renderer(json=False, verb="build")
    cache, work = CacheFolder(Path(sys.argv[1])), Path(sys.argv[2])
    try:
        with PlainLog(renderer.complain).listening() as listener:  # also where a runner has a terminal
            _build(cache, work, listener)
    except click.UsageError as error:
        return renderer.usage(error)
    except PackageCacheError as error:
        return renderer.error(error)
    except KeyboardInterrupt:
        return renderer.interrupted()
    except Exception as error:  # as the command does
        return renderer.error(unforeseen(error, "cannot build the cache"))
    return 0


def _build(cache: CacheFolder, work: Path, listener: Listener) -> None:
    """Build, and write the lists."""
    manifest = _manifest(work)
    groups = _wanted(manifest)
    names = {str(item.request) for group in groups for item in group.packages_on(_architecture())}
    (work / "requests").write_text(" ".join(sorted(names)))
    options = given_options(work / "state").with_mirrors(manifest.mirrors)
    lock = _lock(manifest, groups, options, listener)
    (work / "lock").write_text(f"{text_digest(lock_text(lock))[:16]}\n")
    build(Order(lock, cache, mirror_finder(options, manifest), listener, auth=options.auth))


def _architecture() -> str:
    return os.environ["ARCHITECTURE"]


def _manifest(work: Path) -> Manifest:
    """Read the manifest of the repository, or one that is written for the input `packages`."""
    if name := os.environ["MANIFEST"]:
        return read_manifest(Path(os.environ["GITHUB_WORKSPACE"], name), name=name)
    group = {
        "name": OWN_GROUP,
        "systems": [os.environ["SYSTEM"]],
        "architectures": [_architecture()],
        "packages": os.environ["PACKAGES"].split(),
    }
    path = work / "package-cache.toml"
    path.write_text(tomli_w.dumps({"group": [group], **_repositories(os.environ["REPOSITORIES"])}))
    return read_manifest(path, name="the request")


def _repositories(text: str) -> dict[str, object]:
    """Parse the input `repositories`, which may have nothing but these tables. Raises `ManifestError`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = Problem(f"it is not TOML: {error}", "repositories", hint="write [[repository]] tables")
        raise ManifestError("cannot use the input repositories", problems=[problem]) from error
    others = sorted(set(tables) - {"repository"})
    if others:
        problems = [Problem(f"{name!r} does not belong here", "repositories", hint="use a manifest") for name in others]
        raise ManifestError("cannot use the input repositories", problems=problems)
    return tables


def _wanted(manifest: Manifest) -> tuple[Group, ...]:
    """Return the requested groups for this machine, or all of them. Raises `ManifestError` if one is missing."""
    system, architecture, names = os.environ["SYSTEM"], _architecture(), set(os.environ["WANTED_GROUPS"].split())
    groups = tuple(
        replace(group, architectures=(architecture,))
        for group in manifest.groups
        if f"{group.distribution}{group.version}" == system and architecture in group.architectures
        if not names or group.name in names
    )
    missing = sorted(names - {group.name for group in groups}) or ([] if groups else ["any"])
    if missing:
        told, hint = f"for {system} on {architecture}", f"add {system} and {architecture} to it"
        problems = [Problem(f"no group {name} {told}", manifest.path.name, hint=hint) for name in missing]
        raise ManifestError("cannot build a cache of this manifest", problems=problems)
    return groups


def _lock(manifest: Manifest, groups: tuple[Group, ...], options: Options, listener: Listener) -> Lock:
    """Return the part of the committed lock for these groups, or resolve them."""
    if not lock_path(manifest).exists():
        return make_lock(replace(manifest, groups=groups), options, listener)
    lock = current_lock(manifest)
    names = {group.name for group in groups}
    systems = []
    for system in lock.systems:
        if system.system == groups[0].systems[0]:
            kept = tuple(group for group in system.groups if group.name in names)
            keys = {key for group in kept for key in group.every_package}
            packages = tuple(package for package in system.packages if package.key in keys)
            systems.append(replace(system, groups=kept, packages=packages))
    return replace(lock, systems=tuple(systems))


if __name__ == "__main__":
    sys.exit(main())
