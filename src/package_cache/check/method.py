"""By which method the installer would install a group: it replays a recording, or runs dpkg; and on what that depends.

The installer decides, by dpkg's status. What is recorded of an image holds in that image; whether it does in another
container with the same status, only the installer sees there.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from package_cache.cache.layout import RECORDINGS, CacheFolder, group_folder
from package_cache.cache.recording_list import Recording, parse_recordings
from package_cache.check.target import SeenSystem
from package_cache.errors import CacheError

OTHER_IMAGE = "if the files that its scripts read are the same"
NOT_RECORDED = "no recording of this image"


class Method(Enum):
    """What the installer runs."""

    REPLAY = "replay"
    DPKG = "dpkg"


@dataclass(frozen=True)
class PredictedMethod:
    """How a group would be installed."""

    method: Method
    recording: str = ""
    """The image of the recording that would be replayed; empty for dpkg."""
    note: str = ""
    """Under which condition a recording is replayed, or why none is; empty if nothing is recorded for the group."""

    @property
    def text(self) -> str:
        """Return it for people; empty if nothing is recorded."""
        if self.method is Method.DPKG and not self.note:
            return ""
        between = ", " if self.method is Method.REPLAY else ": "
        return between.join(filter(None, (self.method.value, self.note)))


def method_of(values: Mapping[str, Sequence[str]]) -> Method | None:
    """Return the method that a result file of the installer names; None if there is none."""
    name = values.get("method", [""])[-1]
    return next((method for method in Method if method.value == name), None)


def predicted_method(
    group: str, cache: CacheFolder, seen: SeenSystem, values: Mapping[str, Sequence[str]]
) -> PredictedMethod | None:
    """Return how a group would be installed, from the installer's result file; None if that does not say it."""
    method = method_of(values)
    if method is None:
        return None
    image, reason = (values.get(key, [""])[-1] for key in ("recording", "replay"))
    recordings = [one for one in _recordings(group, cache, seen.system) if one.architecture == seen.architecture]
    if method is Method.REPLAY:
        status = hashlib.sha256(seen.status).hexdigest()
        same = any(one.status_before == status and one.digest == seen.digest != "" for one in recordings)
        return PredictedMethod(method, image, "" if same else OTHER_IMAGE)
    return PredictedMethod(method, "", reason or (NOT_RECORDED if recordings else ""))


def _recordings(group: str, cache: CacheFolder, system: str) -> tuple[Recording, ...]:
    """Return the facts on a group's recordings; none if they cannot be read: the installer does not need them."""
    file = f"{group_folder(group, system)}/{RECORDINGS}"
    try:
        return parse_recordings(cache.inside.read(file, "cache-file-bytes"), file)
    except (OSError, CacheError):
        return ()
