"""`recordings.json` of a group's folder: what is recorded there, for which images, and how it was proved."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from package_cache.ages import TIME
from package_cache.bounded_json import load_json
from package_cache.cache.layout import RECORDING, recording_file
from package_cache.errors import CacheError
from package_cache.fields import Fields
from package_cache.names import ARCHITECTURE, GROUP_NAME, SHA256


@dataclass(frozen=True, order=True)
class Recording:
    """One recorded installation of a group."""

    file: str
    """Its name in the group's folder."""
    architecture: str
    image: str
    """The reference or path of where it was recorded, for people."""
    digest: str
    """Of that image's manifest, `sha256:...`; empty for a root."""
    after: tuple[str, ...]
    """The groups that were installed there before, in this order."""
    status_before: str
    """SHA-256 of dpkg's status file before the installation: in which containers it may be replayed."""
    status_after: str
    group_digest: str
    """What the group was then: `recordings.group_digest`."""
    packages: int
    """How many packages it installs."""
    files: int
    """How many paths it adds or changes."""
    bytes: int
    """The size of its file."""
    rules: tuple[str, ...]
    """The patterns of the rules that it needed."""
    rules_digest: str
    """SHA-256 of all rules that there were."""
    created: str
    """When, as RFC 3339 in UTC."""
    installed_seconds: float
    """How long the real installation took."""
    replayed_seconds: float
    """How long the replay took that proved it."""


def recordings_text(recordings: Iterable[Recording]) -> str:
    """Return the file's content."""
    tables = [vars(recording) for recording in sorted(recordings)]
    return json.dumps({"recordings": tables}, indent=1, sort_keys=True) + "\n"


def parse_recordings(content: bytes, file: str) -> tuple[Recording, ...]:
    """Read the file's content. Raises `CacheError` with every field that is wrong: names become parts of paths."""
    try:
        document = load_json(content)
    except (ValueError, RecursionError) as error:
        raise CacheError(f"cannot read {file}: {error}", hint="build the cache again") from error
    fields = Fields(document if isinstance(document, dict) else {"recordings": document}, file)
    if "recordings" not in fields.values:
        fields.wrong("recordings", "is missing")
    recordings = tuple(map(_recording, fields.tables("recordings")))
    fields.once((recording.file for recording in recordings), "recordings", "file")
    if fields.problems:
        raise CacheError(f"cannot read {file}", problems=fields.problems, hint="build the cache again")
    return tuple(sorted(recordings))


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def _recording(fields: Fields) -> Recording:
    recording = Recording(
        file=fields.text("file", RECORDING, "the name of a recording"),
        architecture=fields.text("architecture", ARCHITECTURE, "an architecture"),
        image=fields.text("image"),
        digest=fields.text("digest", _DIGEST, "a digest", empty=True),
        after=fields.texts("after", GROUP_NAME, "a group's name"),
        status_before=fields.text("status_before", SHA256, "a sha256"),
        status_after=fields.text("status_after", SHA256, "a sha256"),
        group_digest=fields.text("group_digest", SHA256, "a sha256"),
        packages=fields.count("packages"),
        files=fields.count("files"),
        bytes=fields.size("bytes"),
        rules=fields.texts("rules"),
        rules_digest=fields.text("rules_digest", SHA256, "a sha256"),
        created=fields.text("created", TIME, "a time"),
        installed_seconds=fields.seconds("installed_seconds"),
        replayed_seconds=fields.seconds("replayed_seconds"),
    )
    if recording.file != recording_file(recording.architecture, recording.status_before):
        fields.wrong("file", "does not fit 'architecture' and 'status_before'")
    if not recording.image.isprintable():
        fields.wrong("image", "holds control characters")
    return recording
