"""A small signed apt repository: pool/, dists/<suite>/<component>/binary-<architecture>/, InRelease, Release.gpg.

The indices are written here and not by apt-ftparchive: a whole publication takes milliseconds beside the signatures.
"""

import copy
import gzip
import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from tests.support.keys import throwaway_key

from package_cache.process import run

HASHES = {"MD5Sum": "md5", "SHA256": "sha256", "SHA512": "sha512"}
"""The fields of Release and the names of their algorithms. In Packages the first is written `MD5sum`."""


@dataclass(frozen=True)
class _Entry:
    suite: str
    component: str
    architecture: str
    paragraph: str


class SignedArchive:
    """A repository in `folder`, to which packages are added, and which is then published (again and again, if need be).

    `suites` and `components` exist even where no package is in them; more come with `add`.
    """

    def __init__(
        self,
        folder: Path,
        suites: Sequence[str] = ("stable",),
        components: Sequence[str] = ("main",),
        architectures: Sequence[str] = ("amd64",),
        key: str = "archive",
        origin: str = "Test",
        hashes: Sequence[str] = ("MD5Sum", "SHA256"),
    ) -> None:
        self.folder = folder
        self.suites = list(suites)
        self.components = list(components)
        self.architectures = list(architectures)
        self.origin = origin
        self.names: dict[str, str] = {}
        """What its Release files say of themselves instead, by field: `{"Codename": "focal"}`."""
        self.hashes = tuple(hashes)
        """`("SHA512",)` gives a repository that states nothing else."""
        self.hashes_of_packages = self.hashes
        self._entries: list[_Entry] = []
        self._published = 0.0
        self.pending = False
        """Whether packages were added since the last `publish`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._key = throwaway_key(key)
        self.keyring = self._key.export(folder / "archive-keyring.gpg")
        """The public key, binary, fit for Signed-By and gpgv."""

    @property
    def armoured_keyring(self) -> Path:
        """The public key as text, as third parties publish theirs."""
        return self._key.export(self.folder / "archive-keyring.asc", armoured=True)

    @property
    def other_keyring(self) -> Path:
        """A good keyring that did *not* sign this archive."""
        return throwaway_key("stranger").export(self.folder / "other-keyring.gpg")

    def copy(self, folder: Path) -> "SignedArchive":
        """Return the same archive, as it was published, in another folder; what that held before is gone."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder, symlinks=True)
        other = copy.copy(self)
        other.folder, other.keyring = folder, folder / self.keyring.name
        for name in ("suites", "components", "architectures", "_entries"):
            setattr(other, name, list(getattr(self, name)))
        return other

    def add(self, deb: Path, suite: str = "stable", component: str = "main") -> Path:
        """Copy a package into the pool and list it at the next `publish`; gives its path in the pool."""
        control = run(["dpkg-deb", "-f", str(deb)], timeout=60).stdout
        fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line and line[0] != " ")
        place = self.folder / "pool" / component / fields["Package"] / deb.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if place != deb:
            shutil.copyfile(deb, place)
        content = place.read_bytes()
        sums = "".join(
            f"{'MD5sum' if field == 'MD5Sum' else field}: {hashlib.new(HASHES[field], content).hexdigest()}\n"
            for field in self.hashes_of_packages
        )
        paragraph = f"Filename: {place.relative_to(self.folder)}\nSize: {len(content)}\n{sums}"
        entry = _Entry(suite, component, fields["Architecture"], control.rstrip("\n") + "\n" + paragraph)
        self._entries.append(entry)
        self.pending = True
        self.suites += [suite] if suite not in self.suites else []
        self.components += [component] if component not in self.components else []
        return place

    def remove(self, name: str) -> None:
        """List a package no longer, in no suite, as a mirror does with old versions; its files go too."""
        self._entries = [entry for entry in self._entries if f"Package: {name}\n" not in entry.paragraph]
        for place in self.folder.glob(f"pool/*/{name}"):
            shutil.rmtree(place)

    def publish(
        self,
        *,
        signed: bool = True,
        date: datetime | None = None,
        valid_for: timedelta | None = None,
        key: str | None = None,
    ) -> None:
        """Write and sign the indices of all suites.

        `date` is the Release's (now, by default; one in the future for a wrong clock); `valid_for` from then on
        gives Valid-Until (none, by default): `date=now - 9 days, valid_for=2 days` is expired. `signed=False` leaves
        no signature. `key` names another key to sign with: `"stranger"` is the one of `other_keyring`.
        """
        self.pending, date = False, date or datetime.now(UTC)
        self._published = max(time.time(), self._published + 1)  # HTTP counts in seconds, and we may be faster
        for suite in self.suites:
            folder = self.folder / "dists" / suite
            indices = self._write_indices(suite, folder)
            release = folder / "Release"
            release.write_text(self._release(suite, indices, date, valid_for))
            for name in ("InRelease", "Release.gpg"):
                (folder / name).unlink(missing_ok=True)
            if signed:
                signer = throwaway_key(key) if key else self._key
                signer.sign_inline(release, folder / "InRelease")
                signer.sign_detached(release, folder / "Release.gpg")
            for name in ("Release", "InRelease", "Release.gpg"):
                if (folder / name).exists():
                    os.utime(folder / name, (self._published, self._published))

    def publish_expired(self) -> None:
        """Publish as a mirror that was forgotten: valid until a week ago."""
        self.publish(date=datetime.now(UTC) - timedelta(days=9), valid_for=timedelta(days=2))

    def _write_indices(self, suite: str, folder: Path) -> dict[str, bytes]:
        indices: dict[str, bytes] = {}
        for component in self.components:
            for architecture in self.architectures:
                text = "\n".join(
                    entry.paragraph
                    for entry in self._entries
                    if (entry.suite, entry.component) == (suite, component)
                    and entry.architecture in ("all", architecture)
                )
                name = f"{component}/binary-{architecture}/Packages"
                indices[name] = text.encode()
                indices[f"{name}.gz"] = gzip.compress(text.encode(), mtime=0)
        for name, content in indices.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return indices

    def _release(self, suite: str, indices: dict[str, bytes], date: datetime, valid_for: timedelta | None) -> str:
        lines = [
            *(
                f"{name}: {value}"
                for name, value in {
                    "Origin": self.origin,
                    "Label": self.origin,
                    "Suite": suite,
                    "Codename": suite.partition("-")[0],
                    **self.names,
                }.items()
            ),
            f"Date: {format_datetime(date, usegmt=True)}",
            *([f"Valid-Until: {format_datetime(date + valid_for, usegmt=True)}"] if valid_for else []),
            f"Architectures: {' '.join(self.architectures)}",
            f"Components: {' '.join(self.components)}",
            "Acquire-By-Hash: no",
        ]
        for field in self.hashes:
            lines.append(f"{field}:")
            for name, content in indices.items():
                lines.append(f" {hashlib.new(HASHES[field], content).hexdigest()} {len(content)} {name}")
        return "\n".join([*lines, ""])


def likeness_of_bionic(folder: Path) -> SignedArchive:
    """Return an archive with the suites and components of Ubuntu 18.04."""
    suites = ("bionic", "bionic-updates", "bionic-security")
    return SignedArchive(folder, suites, ("main", "universe", "restricted", "multiverse"))
