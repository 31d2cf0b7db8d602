"""`package-cache lock`."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import lexists
from pathlib import Path
from typing import Any

import click

from package_cache.cli.formatting import count, in_bytes
from package_cache.cli.options import (
    DEFAULT_MANIFESTS,
    LOCK,
    archive_options,
    authfile_option,
    given_manifest,
    given_options,
    json_option,
)
from package_cache.cli.render import Renderer
from package_cache.diff import compared
from package_cache.errors import LockError
from package_cache.filesystem.paths import sha256_of, write_atomically
from package_cache.filesystem.write_errors import writing_to
from package_cache.inventory import of_lock, read_lock_file
from package_cache.lock.file import checked_text
from package_cache.lock.model import Lock
from package_cache.manifest.model import Manifest
from package_cache.resolve.groups import make_lock
from package_cache.resolve.image_overrides import forget_images, lock_for_images
from package_cache.resolve.target_images import image_to_lock, images_before
from package_cache.resolve.upgrade_policy import Keep
from package_cache.settings import Options
from package_cache.tools import need_for_lock


@dataclass(frozen=True)
class _Locked:
    path: Path
    systems: int
    packages: int
    bytes: int
    changes: Mapping[str, int] | None
    """Of packages since the lock before; None where there was none that could be read."""


@click.command("lock")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@archive_options
@click.option("--keep", is_flag=True, help="Keep the versions of the lock before wherever that is possible.")
@click.option(
    "--upgrade",
    is_flag=True,
    help="Keep them but for groups or packages of these names, and what they then need.  [without names: keep none]",
)
@click.option(
    "--dated",
    is_flag=True,
    help="State when it was made, for build --max-age.  [default: where the manifest has max-age]",
)
@click.option(
    "--for",
    "images",
    metavar="IMAGE",
    multiple=True,
    help="Add to the lock what this image needs, where a group's own packages do not fit it: an [[image]] of the "
    "manifest, a reference (docker://..., oci:DIR:TAG, oci-archive:FILE) or a root folder. What is locked stays.",
)
@click.option("--forget", metavar="NAME", multiple=True, help="Remove from the lock what only this image needs.")
@authfile_option
@json_option
@click.pass_obj
def lock_command(
    renderer: Renderer,
    /,
    names: tuple[str, ...],
    manifest: Path | None,
    *,
    keep: bool,
    upgrade: bool,
    dated: bool,
    images: tuple[str, ...],
    forget: tuple[str, ...],
    authfile: Path | None,
    **rest: Any,
) -> int:
    """Resolve a manifest to exact versions, hashes and origins, and write its lock beside it.

    Signatures are verified. Commit the lock: building from it gives the same cache. Without options everything
    becomes the newest that the archives have.

    \b
    Example:
      package-cache lock --manifest package_cache_info
      package-cache lock --keep               after a group was added to the manifest
      package-cache lock --upgrade ssh        the newest of the group ssh, all else as it was
      package-cache lock --for docker://localhost:5000/job:2
    """
    if names and not upgrade:
        raise click.UsageError(f"to upgrade {' '.join(names)} only, write: --upgrade {' '.join(names)}")
    if keep and upgrade and not names:
        raise click.UsageError("--keep and --upgrade without a name contradict each other: name what to upgrade")
    if (images or forget) and (keep or upgrade):
        raise click.UsageError(
            "--for and --forget leave all that is locked as it is: lock --keep or --upgrade by itself"
        )
    read = given_manifest(manifest)
    before = _lock_before(read, needed=keep or bool(names or images or forget))
    if names and before is None:
        raise LockError(
            f"cannot upgrade {', '.join(names)}: {lock_path(read)} is not there",
            hint="make it first: package-cache lock",
        )
    options = given_options(**rest)
    if images or forget:
        lock = _with_images(renderer, read, options, images, forgotten=forget, authfile=authfile)
    else:
        kept = Keep.all_but(names, before, read) if before and (keep or names) else None
        lock = write_lock(renderer, read, options, kept, before=before, authfile=authfile, dated=dated)
    packages = {package.sha256: package.size for system in lock.systems for package in system.packages}
    path = lock_path(read)
    changes = compared(path, of_lock(before), path, of_lock(lock)).changes if before else None
    result = _Locked(path, len(lock.systems), len(packages), sum(packages.values()), changes)
    text = f"{result.path}: {count(result.packages, 'package')}, {in_bytes(result.bytes)}, for " + ", ".join(
        str(system.system) for system in lock.systems
    )
    told = ", ".join(f"{number} {kind}" for kind, number in (changes or {}).items() if number)
    return renderer.result(f"{text}\nsince the lock before: {told}" if told else text, result)


def _lock_before(manifest: Manifest, *, needed: bool) -> Lock | None:
    """Give the lock that is there; None where there is none or, unless it is needed, none that can be read."""
    path = lock_path(manifest)
    try:
        return read_lock_file(path) if path.exists() else None
    except LockError:
        if needed:
            raise
        return None


def lock_path(manifest: Manifest) -> Path:
    """Return the path of a manifest's lock: `package-cache.lock` for a manifest with a default name, else NAME.lock.

    Earlier releases named every lock `package-cache.lock`: one that was made for this manifest is still used.
    """
    name, shared = manifest.path.name, manifest.path.parent / LOCK
    if name in DEFAULT_MANIFESTS:
        return shared
    own = manifest.path.with_name(f"{name.removesuffix('.toml')}.lock")
    return shared if not lexists(own) and _made_for(shared) == name else own


def _made_for(path: Path) -> str | None:
    """Return the name of the manifest that a lock was made for, None where there is no lock that can be read."""
    try:
        return read_lock_file(path).manifest if lexists(path) else None
    except LockError:
        return None


def refuse_other(manifest: Manifest) -> None:
    """Raise `LockError` where the lock at a manifest's place is that of another manifest of the same folder."""
    path = lock_path(manifest)
    other = _made_for(path)
    if other not in (None, manifest.path.name) and lexists(path.with_name(other)):
        raise LockError(
            f"cannot use {path} for {manifest.path}: it is the lock of {path.with_name(other)}",
            hint="move one of the two manifests to a folder of its own",
        )


def lock_digest(manifest: Manifest) -> str | None:
    """Give the SHA-256 of a manifest's lock, by which a cache knows it; None where there is none that can be read."""
    try:
        return sha256_of(lock_path(manifest))
    except OSError:
        return None


def write_lock(
    renderer: Renderer,
    manifest: Manifest,
    options: Options,
    keep: Keep | None = None,
    *,
    before: Lock | None = None,
    authfile: Path | None = None,
    dated: bool = False,
) -> Lock:
    """Make a manifest's lock and write it beside it; `dated`, or where its ages are limited: with the time.

    It is for the images that the lock `before` was made for.
    """
    with renderer.listening() as listener:
        images = images_before(before, manifest, listener, authfile=authfile) if before else []
        need_for_lock(manifest, options, [image.where.image for image in images])
        lock = make_lock(manifest, options, listener, keep=keep)
        lock = lock_for_images(lock, images, manifest, options, listener) if images else lock
    if dated or manifest.max_age is not None:
        lock = replace(lock, created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    return _written(manifest, lock)


def _with_images(
    renderer: Renderer,
    manifest: Manifest,
    options: Options,
    images: Sequence[str],
    *,
    forgotten: Sequence[str],
    authfile: Path | None,
) -> Lock:
    """Write a manifest's lock again, for some images more or less; all else of it stays, its time too."""
    lock = forget_images(existing_lock(manifest), forgotten)
    with renderer.listening() as listener:
        for text in images:
            image = image_to_lock(text, manifest, lock, authfile=authfile)
            lock = lock_for_images(lock, [image], manifest, options, listener)
    return _written(manifest, lock)


def _written(manifest: Manifest, lock: Lock) -> Lock:
    refuse_other(manifest)
    text = checked_text(lock)
    with writing_to(lock_path(manifest).parent):
        write_atomically(lock_path(manifest), text.encode())
    return lock


def current_lock(renderer: Renderer, manifest: Manifest, options: Options) -> Lock:
    """Give a manifest's lock: the one beside it, or, where there is none, a new one. Raises `LockError` where stale."""
    if not lexists(lock_path(manifest)):
        return write_lock(renderer, manifest, options)
    return existing_lock(manifest)


def existing_lock(manifest: Manifest) -> Lock:
    """Give the lock beside a manifest. Raises `LockError` where there is none, or where it is stale."""
    path = lock_path(manifest)
    lock = read_lock_file(path)
    refuse_other(manifest)
    if lock.manifest_digest != manifest.digest:
        raise LockError(
            f"cannot use {path}: it is stale, for {manifest.path} was changed after it was locked",
            hint=f"lock again: package-cache lock --manifest {manifest.path}",
        )
    return lock
