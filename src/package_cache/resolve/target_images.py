"""The images for which a lock is made: those of `lock --for`, and those of the previous lock."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from package_cache.errors import UsageError
from package_cache.events import Listener, Warn, ignore
from package_cache.lock.model import Lock, LockedImage
from package_cache.manifest.model import CheckedImage, Manifest, Where
from package_cache.names import GROUP_NAME

_REFERENCE = re.compile(r"(?:docker://|oci:|oci-archive:).+", re.DOTALL)


@dataclass(frozen=True)
class ImageToLock:
    """An image that a lock is to be made for."""

    locked: LockedImage
    where: Where
    groups: tuple[str, ...] = ()
    """None named: all of the manifest."""


def image_to_lock(text: str, manifest: Manifest, lock: Lock, *, authfile: Path | None = None) -> ImageToLock:
    """Read what stands behind --for: the name of an `[[image]]`, a reference, or a folder. Raises `UsageError`."""
    named = next((image for image in manifest.images if image.name == text), None)
    if named is not None:
        return _of_manifest(named, authfile)
    if _REFERENCE.fullmatch(text):
        image = LockedImage(_name(_last_part(text), "reference", text, manifest, lock), reference=text)
        return ImageToLock(image, Where(image=text, authfile=authfile))
    folder = Path(text)
    if not folder.is_dir():
        known = ", ".join(image.name for image in manifest.images) or "none"
        hint = f"images of the manifest: {known}; references: docker://HOST/NAME:TAG, oci:DIR:TAG, oci-archive:FILE"
        message = f"cannot lock for {text!r}: it is no image of the manifest, no reference and no folder"
        raise UsageError(message, hint=hint)
    root = os.path.relpath(folder, manifest.path.parent)
    name = _name(folder.resolve().name, "root", root, manifest, lock)
    return ImageToLock(LockedImage(name, root=root), Where(root=folder))


def images_before(
    lock: Lock, manifest: Manifest, listener: Listener = ignore, *, authfile: Path | None = None
) -> list[ImageToLock]:
    """Return the images that a lock was made for. One that the manifest names no more is left out, with a warning."""
    found = []
    of_manifest = {image.name: image for image in manifest.images}
    for image in dict.fromkeys(image for system in lock.systems for image in system.images):
        if image.reference:
            found.append(ImageToLock(image, Where(image=image.reference, authfile=authfile)))
        elif image.root:
            found.append(ImageToLock(image, Where(root=manifest.path.parent / image.root)))
        elif image.name in of_manifest:
            found.append(_of_manifest(of_manifest[image.name], authfile))
        else:
            listener(Warn(f"the lock is no longer for the image {image.name}: the manifest does not name it any more"))
    return found


def _of_manifest(image: CheckedImage, authfile: Path | None) -> ImageToLock:
    return ImageToLock(LockedImage(image.name), image.where.with_authfile(authfile), image.groups)


def _last_part(reference: str) -> str:
    """Return the end of a reference, without what all have in common: `job:2` of docker://host/team/job:2."""
    return reference.rstrip("/").rpartition("/")[2].removeprefix("oci:").removeprefix("oci-archive:")


def _name(text: str, kind: str, value: str, manifest: Manifest, lock: Lock) -> str:
    """Return the name by which a lock knows an image: the one that it has already, or one that no other has."""
    others = [image for system in lock.systems for image in system.images]
    taken = {image.name for image in others} | {image.name for image in manifest.images}
    for other in others:
        if getattr(other, kind) == value:
            return other.name
    name = re.sub(r"[^a-z0-9+._-]+", "-", text.lower()).lstrip("+._-")[:60] or "image"
    assert GROUP_NAME.fullmatch(name)
    free = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next(one for one in free if one not in taken)
