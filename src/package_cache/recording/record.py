"""`record`: install groups in images for real, twice; write down what they come to, and prove that a replay is equal.

A recording is refused rather than guessed: every path that differs between two installations must have a rule, and the
replay in a fresh copy must give the tree that dpkg gave.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from package_cache.cache.checked_files import GroupContents, read_group, read_installer
from package_cache.cache.description import DescribedGroup, read_description
from package_cache.cache.recordings import (
    Recording,
    group_digest,
    publish_recordings,
)
from package_cache.check.target import MakeRoot, SeenSystem, opened
from package_cache.errors import CacheError, PackageCacheError, UsageError, unforeseen
from package_cache.escaping import visible_line
from package_cache.events import Listener, Step, ignore
from package_cache.manifest.model import Where
from package_cache.process import need_tools
from package_cache.recording.classes import NotRecordable
from package_cache.recording.installation import Subject, subject_of
from package_cache.recording.model import Outcome, OutcomeKind, RecordedImage, RecordOrder, RecordResult
from package_cache.recording.recorder import Recorder
from package_cache.recording.rules import Rules
from package_cache.sandbox.isolation import Isolation, isolation_for
from package_cache.signatures import Signer, need_signer
from package_cache.tools import containers


def record(order: RecordOrder, listener: Listener = ignore, *, signer: Signer | None = None) -> RecordResult:
    """Record each group in each image, and publish what is proved in the cache.

    An image that cannot be read does not stop the others. Raises `CacheError` if the cache is missing or damaged,
    `UsageError` if it is signed and has no `signer`, and `ToolMissingError`.
    """
    need_tools("apt-get", "dpkg-deb", "strace", "tar", "taskset", *containers())
    description = read_description(order.cache)
    need_signer(description.signed_by, signer)
    if b"--no-replay" not in read_installer(order.cache, description):
        older = "its installer is an older one, which knows no recordings"
        raise CacheError(f"cannot record with the cache in {order.cache.path}: {older}", hint="build the cache again")
    images = []
    for name, where in order.images:
        try:
            images.append(_Image(order, name, listener, signer).recorded(where))
        except PackageCacheError as error:
            images.append(RecordedImage(name, "", "", "", error))
        except Exception as error:
            images.append(RecordedImage(name, "", "", "", unforeseen(error, f"cannot record in {name}")))
    return RecordResult(tuple(images))


@dataclass(frozen=True)
class _Task:
    """A group to record, after others of its set."""

    group: DescribedGroup
    after: tuple[str, ...]


class _Image:
    """Records the groups of one image."""

    def __init__(self, order: RecordOrder, name: str, listener: Listener, signer: Signer | None) -> None:
        self._order, self._name, self._listener, self._signer = order, name, listener, signer
        self._rules = Rules(order.rules)
        self._subject: Subject | None = None

    def recorded(self, where: Where) -> RecordedImage:
        """Return the outcome for each group."""
        with opened(where, state=self._order.state, listener=self._listener) as (seen, make_root):
            assert make_root is not None, "the command line and the manifest see to it"
            if seen.architecture is None:
                raise UsageError(f"cannot record in {self._name}: it has no dpkg")
            outcomes = []
            for task in self._tasks(seen):
                try:
                    outcomes.append(self._record(task, seen, make_root))
                except NotRecordable as reason:
                    kind = OutcomeKind.LIVE if reason.live else OutcomeKind.REFUSED
                    used = (reason.live.path,) if reason.live else ()
                    why = f"{reason.why}; written by {reason.program}" if reason.program else reason.why
                    package = reason.program.rpartition(" of ")[2] if " of " in reason.program else ""
                    outcomes.append(Outcome(task.group.name, task.after, kind, None, why, reason.path, package, used))
            return RecordedImage(self._name, seen.system, seen.architecture, seen.digest, None, tuple(outcomes))

    def _tasks(self, seen: SeenSystem) -> Iterator[_Task]:
        """Yield the groups alone, then those that come later in a set, in the order of their number there."""
        own = [group for group in read_description(self._order.cache).groups if group.system == seen.system]
        groups = {group.name: group for group in own if seen.architecture in group.architectures}
        asked = self._order.groups_of(self._name)
        unknown = [name for name in asked if name not in groups]
        if unknown or not groups:
            what = f"has no group {', '.join(unknown)}" if unknown else "has no group"
            message = f"cannot record in {self._name}: the cache {what} for {seen.system} {seen.architecture}"
            raise UsageError(message, hint=f"there are: {', '.join(groups) or 'none'}; build the cache with it")
        for name in asked or groups:
            yield _Task(groups[name], ())
        chains = {names[:last] for names in self._order.sets_of(self._name) for last in range(2, len(names) + 1)}
        for *after, name in sorted(chains, key=len):
            if {name, *after} <= groups.keys():
                yield _Task(groups[name], tuple(after))

    def _record(self, task: _Task, seen: SeenSystem, make_root: MakeRoot) -> Outcome:
        group = self._current(task.group)
        there = self._there(group, task, seen)
        if there is not None and (there.image, there.digest) == (visible_line(self._name), seen.digest):
            return Outcome(task.group.name, task.after, OutcomeKind.UNCHANGED, there, rules=there.rules)
        what = " after ".join((task.group.name, *filter(None, (", ".join(task.after),))))
        self._listener(Step(f"recording {what} in {self._name}"))
        if self._subject is None:
            isolation = isolation_for(seen.architecture or "")
            if isolation is not Isolation.CONTAINER:
                message = f"cannot record in {self._name}: programs of {seen.architecture} are emulated here"
                raise PackageCacheError(message, hint=f"record it on a machine of {seen.architecture}")
            self._subject = subject_of(self._name, make_root(isolation), isolation, self._order.cache)
        recorder = Recorder(self._subject, group, task.after, seen, self._rules)
        try:
            if there is not None:
                recorder.try_other(there)
                return Outcome(task.group.name, task.after, OutcomeKind.UNCHANGED, there, rules=there.rules)
            recording, content_ = recorder.made()
        except PackageCacheError as error:  # such as a script that does not end
            raise NotRecordable(error.message) from error
        publish_recordings(self._order.cache, group.group, {recording: content_}, signer=self._signer)
        return Outcome(task.group.name, task.after, OutcomeKind.RECORDED, recording, rules=recording.rules)

    def _current(self, group: DescribedGroup) -> GroupContents:
        """Return a group as it is now: recordings came to it meanwhile."""
        groups = read_description(self._order.cache).groups
        return read_group(self._order.cache, next(one for one in groups if one.folder == group.folder))

    def _there(self, group: GroupContents, task: _Task, seen: SeenSystem) -> Recording | None:
        """Return a recording of the same inputs, perhaps of another image with the same packages."""
        architecture = seen.architecture or ""
        status = hashlib.sha256(seen.status).hexdigest()
        digest = group_digest(group.files, architecture)
        for one in group.recordings:
            same = (one.architecture, one.after, one.group_digest) == (architecture, task.after, digest)
            same = same and one.rules_digest == self._rules.digest
            is_own = (one.image, one.digest) == (visible_line(self._name), seen.digest)
            if same and (is_own if task.after else one.status_before == status):
                return one
        return None
