"""What a manifest has to be recorded: its images, their groups, its sets and rules."""

from collections.abc import Sequence
from pathlib import Path

from package_cache.cache.layout import CacheFolder
from package_cache.errors import UsageError
from package_cache.manifest.model import CheckedImage, Manifest
from package_cache.recording.model import RecordOrder
from package_cache.recording.rules import own_rules


def order_of_manifest(
    manifest: Manifest, groups: Sequence[str], cache: CacheFolder, state: Path, authfile: Path | None
) -> RecordOrder:
    """Return the order to record these groups, or all of the manifest, in each of its images that is recorded.

    Raises `UsageError` for a group that the manifest does not have, and if there is no image to record them in.
    """
    names = tuple(dict.fromkeys(group.name for group in manifest.groups))
    for group in groups:
        if group not in names:
            hint = f"there are: {', '.join(names)}"
            raise UsageError(f"cannot record {group}: {manifest.path} has no group of that name", hint=hint)
    recorded = [image for image in manifest.images if image.record]
    if not recorded:
        hint = "add a table for each image: [[image]] with name, and reference or root"
        raise UsageError(f"cannot record {manifest.path}: it has no [[image]] table of an image to record", hint=hint)
    asked = tuple(dict.fromkeys(groups)) or names
    own = {image.name: _groups_of(image, asked) for image in recorded}
    images = tuple((image.name, image.where.with_authfile(authfile)) for image in recorded if own[image.name])
    if not images:
        hint = "add the group to the groups of an [[image]]"
        raise UsageError(f"cannot record {', '.join(groups)}: no image of {manifest.path} is for it", hint=hint)
    return RecordOrder(cache, asked, manifest.sets, images, (*manifest.rules, *own_rules()), state, own)


def _groups_of(image: CheckedImage, asked: Sequence[str]) -> tuple[str, ...]:
    return tuple(group for group in asked if not image.groups or group in image.groups)
