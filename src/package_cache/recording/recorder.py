"""One recording: the group is installed twice, compared, written down and proved."""

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from debian.deb822 import Deb822

from package_cache.cache.checked_files import GroupContents
from package_cache.cache.file_content import FileContent, altered, create_file
from package_cache.cache.layout import pool_file
from package_cache.cache.recordings import Recording, group_digest, recording_file, with_recordings
from package_cache.check.target import SeenSystem
from package_cache.escaping import visible_line
from package_cache.filesystem.confined import Inside
from package_cache.filesystem.temporary import temporary_folder
from package_cache.manifest.model import RuleKind
from package_cache.recording.classes import OF_RUNS, Classes, NotRecordable
from package_cache.recording.content import STATUS, Content, content, lists
from package_cache.recording.file import Facts, recording_bytes, recording_compression
from package_cache.recording.installation import OTHER, PLACE, PLAIN, Subject, installation, read_files
from package_cache.recording.marks import MARKS, check_marks
from package_cache.recording.observed import Observed, PlannedPackage
from package_cache.recording.payload import payload
from package_cache.recording.proof import difference, twins
from package_cache.recording.rules import Rules
from package_cache.recording.secrets import secret_in
from package_cache.recording.trace import Dependence, dependence
from package_cache.recording.tree import Kind, contents
from package_cache.sandbox.container import Container

_LIBRARIES = "/etc/ld.so.cache"
_LDCONFIG = ("ldconfig", "ldconfig.real")
"""ldconfig(8) reads every library of an image; where its result is made anew, none of them counts."""

_SECRET = 4 << 20
"""Bytes of a file that are looked at: key stores of some hundred certificates."""

_LIKE_ESSENTIAL = ("libc6", "libc-bin", "perl-base", "libcrypt1")
"""What dpkg, the shell or perl need to start, though Debian does not call it essential."""

_ESSENTIAL = "would be upgraded by it, and is essential: until all of its files were renamed, no program might start"


@dataclass(frozen=True)
class Recorder:
    """Makes one recording."""

    subject: Subject
    group: GroupContents
    after: tuple[str, ...]
    seen: SeenSystem
    rules: Rules

    def made(self) -> tuple[Recording, bytes]:
        """Install the group twice, compare, write, and prove. Raise `NotRecordable`."""
        if left := next((path for path in self.subject.base if path.startswith(OF_RUNS)), ""):
            raise NotRecordable(f"{left} is of an installation that did not end; complete it in the image", left)
        name = self.group.group.name
        anew = self.rules.find(_LIBRARIES)
        uncounted = _LDCONFIG if anew and anew.kind is RuleKind.REGENERATE else ()
        with installation(self.subject, name, OTHER, after=self.after, uncounted=uncounted) as (watched, _, _):
            pass
        if not watched.packages:
            raise NotRecordable("the image has all of its packages already")
        with installation(self.subject, name, PLAIN, after=self.after) as (plain, container, _):
            recording, file, classes, allowed = self._written(plain, watched, container)
        seconds = self._prove(recording, file, plain, classes, allowed)
        return replace(recording, replayed_seconds=seconds), file

    def try_other(self, recording: Recording) -> None:
        """Replay the recording of an image with the same packages here. Raise `NotRecordable` if it does not apply."""
        group = self.group.group
        replaying = {group.folder: self.subject.cache.path / group.folder}
        with installation(self.subject, group.name, PLAIN, after=self.after, replaying=replaying) as (_, _, result):
            if result.get("method") != "replay":
                why = result.get("replay") or "it does not apply"
                raise NotRecordable(f"{recording.image} has the same packages and is recorded, but is another: {why}")

    def _written(
        self, plain: Observed, watched: Observed, container: Container
    ) -> tuple[Recording, bytes, Classes, set[str]]:
        if plain.packages != watched.packages:
            raise NotRecordable("two installations installed other packages")
        pool = self.subject.cache
        files = [(item.sha256, pool.path / pool_file(item.sha256)) for item in plain.packages]
        brought = payload(files, plain.after, self.subject.algorithm)
        classes = Classes(self.rules, brought, PLACE)
        allowed = classes.compare(plain, watched)
        upgraded = self._upgraded(plain)
        found = content(plain, classes, brought, upgraded)
        self._refuse_secrets(plain, allowed, container)
        after = read_files(container, plain.after, [MARKS, STATUS])
        check_marks(plain.kept.get(MARKS, b""), after.get(MARKS, b""), plain.packages)
        needs = _needs(watched, classes)
        facts = self._facts(plain, watched, after.get(STATUS, b""), upgraded, found)
        compression = recording_compression(self.group.group.system, self.group.group.compression)
        file = recording_bytes(facts, lists(found, plain, needs, brought), found, (plain.after, container), compression)
        return self._described(facts, found, classes, len(file), plain.seconds), file, classes, set(allowed)

    def _facts(
        self, plain: Observed, watched: Observed, status: bytes, upgraded: frozenset[str], found: Content
    ) -> Facts:
        """Return what the installer must know, with dpkg's `status` after the installation. Raise `NotRecordable`."""
        before = plain.kept.get(STATUS, b"")
        if before != watched.kept.get(STATUS, b""):
            raise NotRecordable("the installations before it did not give the same status of dpkg", STATUS)
        return Facts(
            group=self.group.group.name,
            architecture=self.seen.architecture or "",
            image=visible_line(self.subject.name),
            status_before=hashlib.sha256(before).hexdigest(),
            status_after=hashlib.sha256(status).hexdigest(),
            algorithm=self.subject.algorithm,
            packages=plain.packages,
            digests={item.sha256: self._digest(item) for item in plain.packages},
            upgraded=upgraded,
            kib=sum(plain.after[path].size for path in (*found.new, *found.replaced)) // 1024 + 1,
        )

    def _described(self, facts: Facts, found: Content, classes: Classes, size: int, seconds: float) -> Recording:
        """Return what `recordings.json` says of a file of `size` bytes, whose installation took `seconds`."""
        return Recording(
            file=recording_file(facts.architecture, facts.status_before),
            architecture=facts.architecture,
            image=facts.image,
            digest=self.seen.digest,
            after=self.after,
            status_before=facts.status_before,
            status_after=facts.status_after,
            group_digest=group_digest(self.group.files, facts.architecture),
            packages=len(facts.packages),
            files=len(found.new) + len(found.replaced) + len(found.gone),
            bytes=size,
            rules=tuple(sorted(classes.used)),
            rules_digest=self.rules.digest,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            installed_seconds=seconds,
            replayed_seconds=0.0,
        )

    def _digest(self, item: PlannedPackage) -> str:
        """Return a package file's digest for the list `debs`. Raise `CacheError` if the file was altered since."""
        pool, place = self.subject.cache, pool_file(item.sha256)
        sha256, digest = pool.inside.digests(place, "sha256", self.subject.algorithm)
        if sha256 != item.sha256:
            raise altered(pool, place)
        return digest

    def _upgraded(self, plain: Observed) -> frozenset[str]:
        """Return the hashes of package files whose packages were there before. Raise `NotRecordable`."""
        there: dict[tuple[str, str], Deb822] = {}
        for paragraph in Deb822.iter_paragraphs(
            plain.kept.get(STATUS, b"").decode("utf-8", "replace"), use_apt_pkg=False
        ):
            there[str(paragraph.get("Package", "")), str(paragraph.get("Architecture", ""))] = paragraph
        found = set()
        for item in plain.packages:
            old = there.get((item.name, item.architecture))
            if old is None or (state := str(old.get("Status", "")).split()[-1:]) == ["not-installed"]:
                continue
            if state != ["installed"]:
                raise NotRecordable(f"{item.name} was removed before, and left its configuration", STATUS)
            if "yes" in (old.get("Essential"), old.get("Protected")) or item.name in _LIKE_ESSENTIAL:
                raise NotRecordable(f"{item.name} {_ESSENTIAL}")
            found.add(item.sha256)
        return frozenset(found)

    def _refuse_secrets(self, plain: Observed, allowed: Mapping[str, object], container: Container) -> None:
        """Raise `NotRecordable` if what differs, and would be kept, looks like a secret."""
        kept = [path for path in allowed if (entry := plain.after.get(path)) and entry.kind is Kind.FILE]
        kept = [path for path in kept if (rule := self.rules.find(path)) and rule.kind is RuleKind.KEEP]
        for path, member, stream in contents(container, plain.after, kept, self.subject.name):
            why = secret_in(path, member.mode, stream.read(_SECRET) if stream else b"")
            if why:
                raise NotRecordable(f"{path} differs between two installations and looks like a secret: {why}", path)

    def _prove(self, recording: Recording, file: bytes, plain: Observed, classes: Classes, allowed: set[str]) -> float:
        """Replay the recording in a fresh copy and compare; return the seconds. Raise `NotRecordable`."""
        group = self.group.group
        recordings: dict[Recording, FileContent] = {**self.group.recordings, recording: file}
        files = with_recordings(
            self.group.files, recordings, group=group.name, system=group.system, architectures=group.architectures
        )
        with temporary_folder() as name:
            folder = Path(name, "group")
            folder.mkdir(mode=0o755)
            for file_name, bytes_ in files.items():
                create_file(Inside(folder), file_name, bytes_)
            replaying = {group.folder: folder}
            with installation(self.subject, group.name, OTHER, after=self.after, replaying=replaying) as seen:
                replayed, _, result = seen
        if result.get("method") != "replay":
            why = result.get("replay") or "the installer in the cache is an older one: build the cache again"
            raise NotRecordable(f"its recording does not apply where it was made: {why}")
        for path in sorted(plain.changes.keys() | replayed.changes.keys()):
            if why := difference(path, plain, replayed, classes, regenerated=path in allowed):
                raise NotRecordable(f"its replay is not equal to the installation: {path}: {why}", path)
        if twins(plain, classes) != twins(replayed, classes):
            raise NotRecordable("its replay is not equal to the installation: other files are hard links")
        return replayed.seconds


def _needs(watched: Observed, classes: Classes) -> Dependence:
    """Return what the watched installation depended on. Raise `NotRecordable` if that is not known."""
    assert watched.trace is not None
    needs = dependence(
        watched.trace,
        watched.before,
        watched.after,
        lambda path: path.startswith(MARKS) or classes.is_independent(path, watched.before),
    )
    if watched.trace.unclear:
        raise NotRecordable(f"what it depends on is not known: {watched.trace.unclear}")
    return needs
