"""`package-cache.json`: what a cache holds, from what it was made, and the digest of each group's files.

Which packages a group takes stands in the group's own folder (package_list.py): who asks for one group reads no more
of a large cache than that.
"""

import errno
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from package_cache.bounded_json import load_json
from package_cache.cache.layout import (
    BY_HASH,
    DESCRIPTION,
    FORMAT,
    INDEX,
    INSTALLER,
    PACKAGE_LIST,
    RECORDED_FORMAT,
    RECORDING,
    RECORDINGS,
    RELEASE,
    SIGNATURE,
    SIGNED_FORMAT,
    SIGNED_RELEASE,
    CacheFolder,
    group_folder,
    is_recording,
)
from package_cache.errors import MAY_NOT, CacheError, Problem
from package_cache.exit_codes import ExitStatus
from package_cache.fields import Fields
from package_cache.names import ARCHITECTURE, GROUP_NAME, SHA256
from package_cache.openpgp import FINGERPRINT
from package_cache.system import SYSTEM_NAME

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


@dataclass(frozen=True, order=True)
class DescribedGroup:
    """One group for one OS release."""

    name: str
    system: str
    architectures: tuple[str, ...]
    requests: tuple[str, ...]
    compression: str
    """Of its package files' members, a value of `Compression`."""
    packages: int
    """How many package files it takes."""
    size: int
    """The bytes of these as they are stored."""
    files: dict[str, str]
    """SHA-256 of each file in the group's folder, by its name."""
    signed_by: tuple[str, ...] = ()
    """The fingerprints of the keys that signed its `Release`."""

    def document(self) -> dict[str, Any]:
        """Return what the description says of it, by key."""
        facts = asdict(self)
        if not self.signed_by:
            del facts["signed_by"]
        return facts

    @property
    def folder(self) -> str:
        """Its place below the cache."""
        return group_folder(self.name, self.system)

    @property
    def recording_files(self) -> list[str]:
        """Return the names of its recordings."""
        return sorted(filter(is_recording, self.files))


@dataclass(frozen=True)
class Description:
    """A complete cache."""

    created: str
    """When, as RFC 3339 in UTC."""
    built_by: str
    manifest: str
    manifest_digest: str
    lock_digest: str
    installer_digest: str
    """Empty while another installer takes the place of this one."""
    groups: tuple[DescribedGroup, ...] = ()
    packages: int = 0
    """How many package files all groups take together, each counted once."""
    size: int = 0
    """The bytes of these."""
    locked: str = ""
    """When the lock was made, as RFC 3339 in UTC; empty if that does not say it."""

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of the installer and of every file of a group, by its place below the cache."""
        places = {INSTALLER: self.installer_digest} if self.installer_digest else {}
        for group in self.groups:
            places |= {f"{group.folder}/{name}": digest for name, digest in sorted(group.files.items())}
        return places

    def chosen(self, names: Collection[str]) -> list[DescribedGroup]:
        """Return the groups of these names, for every OS release. Raises `CacheError` with all unknown ones."""
        there = sorted({group.name for group in self.groups})
        unknown = [repr(name) for name in names if name not in there]
        if unknown:
            raise CacheError(
                f"cannot find the group{'s' * (len(unknown) > 1)} {', '.join(unknown)} in the cache",
                hint=f"the groups there are: {', '.join(there) or 'none'}",
                status=ExitStatus.NO_SUCH_GROUP,
            )
        return [group for group in self.groups if group.name in names]

    def with_groups(self, groups: Iterable[DescribedGroup], sizes: Mapping[str, int]) -> "Description":
        """Return the same of other groups, whose package files have these sizes in bytes, by their SHA-256."""
        ordered = tuple(sorted(groups, key=lambda group: (group.name, group.system)))
        return replace(self, groups=ordered, packages=len(sizes), size=sum(sizes.values()))

    def document(self) -> dict[str, Any]:
        """Return what stands in `package-cache.json`, by key."""
        facts = asdict(self)
        if not self.locked:
            del facts["locked"]
        return {"format": self._format, **facts, "groups": [group.document() for group in self.groups]}

    @property
    def _format(self) -> int:
        """The lowest that says what is in it."""
        if self.signed_by:
            return SIGNED_FORMAT
        return RECORDED_FORMAT if any(group.recording_files for group in self.groups) else FORMAT

    @property
    def signed_by(self) -> tuple[str, ...]:
        """The fingerprints of all keys that signed a group."""
        return tuple(sorted({fingerprint for group in self.groups for fingerprint in group.signed_by}))

    def content(self) -> bytes:
        """Return the content of `package-cache.json`."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"

    def write(self, cache: CacheFolder) -> None:
        """Write it, in one rename."""
        cache.inside.write(DESCRIPTION, self.content())


def read_description(cache: CacheFolder) -> Description:
    """Read a cache's description. Raises `CacheError` with the status that fits: missing, damaged, too new.

    Every name in it that becomes a part of a path is checked: who can write a description must not lead a reader, or
    `stage`, out of the cache's own folders.
    """
    path = cache.description
    try:
        document = load_json(cache.inside.read(DESCRIPTION, "cache-file-bytes"))
    except OSError as error:
        if error.errno in MAY_NOT:
            raise CacheError(
                f"cannot read the cache in {cache.path}: {error.strerror}",
                hint="make it readable for this user",
                status=ExitStatus.READ_ONLY,
            ) from error
        if error.errno not in _NOT_THERE:
            raise _damaged(path, Problem(error.strerror or str(error), str(path))) from error
        raise CacheError(
            f"cannot find a cache in {cache.path}",
            hint="build it: package-cache build, or name another folder with --cache",
            status=ExitStatus.CACHE_MISSING,
        ) from error
    except json.JSONDecodeError as error:
        raise _damaged(path, Problem(f"is not JSON: {error.msg}", str(path), error.lineno, error.colno)) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, a number of too many digits, nested too deeply
        raise _damaged(path, Problem(f"is not JSON that can be read: {error}", str(path))) from error
    found = document.get("format") if isinstance(document, dict) else None
    if type(found) is not int or found < 1:
        raise _damaged(path, Problem("has no format number", str(path), field="format"))
    if found > SIGNED_FORMAT:
        raise CacheError(
            f"cannot read {path}: its format is {found}, this program reads {SIGNED_FORMAT}",
            hint="use the package-cache that built it, or a newer one",
            status=ExitStatus.CACHE_TOO_NEW,
        )
    fields = Fields(document, str(path))
    description = _description(fields)
    if fields.problems:
        raise _damaged(path, *fields.problems)
    return description


def _damaged(path: Path, *problems: Problem) -> CacheError:
    return CacheError(f"cannot read {path}", problems=problems, hint="build or stage the cache again")


_TEXTS = ("created", "built_by", "manifest", "manifest_digest", "lock_digest", "installer_digest")
_FILE = re.compile(
    rf"Packages(?:\.{ARCHITECTURE.pattern}\.{GROUP_NAME.pattern})?|packages\.json|{ARCHITECTURE.pattern}\.group"
    rf"|(?:In)?Release|Release\.gpg|{BY_HASH}/{SHA256.pattern}|recordings\.json|{RECORDING.pattern}",
    re.ASCII,
)
"""The files of a group's folder: cache/layout.py."""


def _description(fields: Fields) -> Description:
    texts = {key: fields.text(key, empty=True) for key in _TEXTS}
    groups = tuple(map(_group, fields.tables("groups")))
    fields.once((f"{group.name} for {group.system}" for group in groups), "groups", "group")
    packages, size = fields.count("packages"), fields.count("size")
    locked = fields.text("locked", empty=True) if "locked" in fields.values else ""
    return Description(**texts, packages=packages, size=size, groups=groups, locked=locked)


def _group(fields: Fields) -> DescribedGroup:
    group = DescribedGroup(
        fields.text("name", GROUP_NAME, "a group's name"),
        fields.text("system", SYSTEM_NAME, "an OS release"),
        fields.texts("architectures", ARCHITECTURE, "an architecture"),
        fields.requests("requests"),
        fields.text("compression"),
        fields.count("packages"),
        fields.count("size"),
        _files(fields),
        fields.texts("signed_by", FINGERPRINT, "a fingerprint"),
    )
    needed = [INDEX, RELEASE, PACKAGE_LIST, *([RECORDINGS] if group.recording_files else [])]
    needed += [SIGNED_RELEASE, SIGNATURE] if group.signed_by else []
    for name in (*needed, *(f"{name}.group" for name in group.architectures)):
        if name not in group.files:
            fields.wrong("files", f"does not have {name!r}")
    return group


def _files(fields: Fields) -> dict[str, str]:
    digests = fields.table("files")
    for name, digest in digests.values.items():
        fields.match(_FILE, name or "?", "files", "a file of a group's folder")
        digests.match(SHA256, digest if isinstance(digest, str) else "?", f"{name!a}", "a sha256")
    return {name: digests.text(name) for name in digests.values}
