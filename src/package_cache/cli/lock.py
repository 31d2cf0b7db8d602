"""`package-cache lock`."""

import datetime
from dataclasses import dataclass, fields, replace
from os.path import lexists
from pathlib import Path
from typing import Any

import click

from package_cache.cli.options import archive_options, authfile_option, given_manifest, given_options, verb
from package_cache.cli.render import Renderer
from package_cache.diff import compared, of_lock
from package_cache.errors import LockError
from package_cache.events import Listener
from package_cache.formatting import count, in_bytes
from package_cache.lock.model import Lock
from package_cache.manifest.model import Manifest
from package_cache.manifest_lock import current_lock, lock_path, previous_lock, save_lock
from package_cache.resolve.groups import make_lock
from package_cache.resolve.image_overrides import forget_images, image_to_lock, images_before, lock_for_images
from package_cache.resolve.upgrade_policy import Keep
from package_cache.settings import Options
from package_cache.tools import need_for_lock


@dataclass(frozen=True)
class _Request:
    """What the command line asks for."""

    names: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    authfile: Path | None = None
    keep: bool = False
    upgrade: bool = False
    dated: bool = False

    def refuse_contradictions(self) -> None:
        """Raise `click.UsageError` for options that contradict each other."""
        if self.names and not self.upgrade:
            names = " ".join(self.names)
            raise click.UsageError(f"to upgrade only {names}, write: --upgrade {names}")
        if self.keep and self.upgrade and not self.names:
            raise click.UsageError("--keep and --upgrade without a name contradict each other: name what to upgrade")
        if (self.images or self.forget) and (self.keep or self.upgrade):
            raise click.UsageError(
                "--for and --forget change no locked version: run lock --keep or --upgrade separately"
            )


@verb("lock")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@archive_options
@click.option("--keep", is_flag=True, help="Keep the versions of the previous lock where possible.")
@click.option(
    "--upgrade",
    is_flag=True,
    help="Upgrade the groups or packages with these names, and their dependencies; keep all other versions. "
    "[without names: upgrade everything]",
)
@click.option(
    "--dated",
    is_flag=True,
    help="Record the time of locking, for build --max-age.  [default: if the manifest has max-age]",
)
@click.option(
    "--for",
    "images",
    metavar="IMAGE",
    multiple=True,
    help="Add the packages that this image needs because the group's own packages do not fit it. IMAGE is the name of "
    "an [[image]] of the manifest, a reference (docker://..., oci:DIR:TAG, oci-archive:FILE) or a root folder. Locked "
    "versions do not change.",
)
@click.option("--forget", metavar="NAME", multiple=True, help="Remove the packages that only this image needs.")
@authfile_option
def lock_command(renderer: Renderer, /, manifest: Path | None, **given: Any) -> int:
    """Resolve a manifest to exact versions, hashes and origins, and write its lock beside it.

    Signatures are verified. Commit the lock: every build from it gives the same cache. Without options, all packages
    get the newest versions of the archives.

    \b
    Examples:
      package-cache lock --manifest package_cache_info
      package-cache lock --keep               after adding a group to the manifest
      package-cache lock --upgrade ssh        upgrade the group ssh, keep the other versions
      package-cache lock --for docker://localhost:5000/job:2
    """
    request = _Request(**{field.name: given.pop(field.name) for field in fields(_Request)})
    request.refuse_contradictions()
    read = given_manifest(manifest)
    before = previous_lock(read, needed=bool(request.keep or request.names or request.images or request.forget))
    if request.names and before is None:
        message = f"cannot upgrade {', '.join(request.names)}: there is no {lock_path(read)}"
        raise LockError(message, hint="create it first: package-cache lock")
    options = given_options(**given)
    with renderer.listening() as listener:
        lock = _resolved(request, read, options, before, listener)
    save_lock(lock, read)
    path = lock_path(read)
    sizes = {package.sha256: package.size for system in lock.systems for package in system.packages}
    changes = compared(of_lock(path, before), of_lock(path, lock)).changes if before else None
    systems = ", ".join(str(system.system) for system in lock.systems)
    text = f"{path}: {count(len(sizes), 'package')}, {in_bytes(sum(sizes.values()))}, for {systems}"
    if numbers := ", ".join(f"{number} {kind}" for kind, number in (changes or {}).items() if number):
        text += f"\nsince the previous lock: {numbers}"
    result = {"path": path, "systems": len(lock.systems), "packages": len(sizes), "bytes": sum(sizes.values())}
    return renderer.result(text, {**result, "changes": changes})  # None without a readable previous lock


def _resolved(request: _Request, manifest: Manifest, options: Options, before: Lock | None, listener: Listener) -> Lock:
    """Return the requested lock. A new lock supports the images that the previous one supports."""
    if request.images or request.forget:
        lock = forget_images(current_lock(manifest), request.forget)
        for name in request.images:
            image = image_to_lock(name, manifest, lock, authfile=request.authfile)
            lock = lock_for_images(lock, [image], manifest, options, listener)
        return lock
    keep = Keep.all_but(request.names, before, manifest) if before and (request.keep or request.names) else None
    images = images_before(before, manifest, listener, authfile=request.authfile) if before else []
    need_for_lock(manifest, options, [image.where.image for image in images])
    lock = make_lock(manifest, options, listener, keep=keep)
    lock = lock_for_images(lock, images, manifest, options, listener) if images else lock
    lock = lock.vouched_as(before)
    if request.dated or manifest.max_age is not None:
        lock = replace(lock, created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    return lock


def current_or_new_lock(renderer: Renderer, manifest: Manifest, options: Options) -> Lock:
    """Return the lock of a manifest, and create it if it is missing. Raises `LockError` if it is stale."""
    if lexists(lock_path(manifest)):
        return current_lock(manifest)
    with renderer.listening() as listener:
        lock = _resolved(_Request(), manifest, options, None, listener)
    save_lock(lock, manifest)
    return lock
