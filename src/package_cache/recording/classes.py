"""Which changes of an installation are recorded: by the rules, and by what differs between two installations."""

from collections.abc import Mapping

from package_cache.manifest.model import Rule, RuleKind
from package_cache.recording.observed import Observed
from package_cache.recording.payload import Brought
from package_cache.recording.rules import Rules
from package_cache.recording.tree import Entry, Kind, Tree

RESULT = "/run/result-of-package-cache"
"""The installer's result file while it is recorded."""

OF_RUNS = "/var/lib/package-cache/"
"""Where the installer keeps what it undoes or completes after an interruption."""

_OFTEN_EMPTY = ("/run/", "/var/run/", "/tmp/", "/var/tmp/")  # noqa: S108
"""Folders of which what an image has is nevertheless there for maintainer scripts to find."""

_TRANSIENT = ("/run/", "/var/run/", "/tmp/", "/var/tmp/", "/dev/", "/proc/", "/sys/", OF_RUNS)  # noqa: S108
"""Folders of which nothing is recorded; elsewhere a folder stays, for a daemon may need it for its logs."""


class NotRecordable(Exception):  # noqa: N818 - an outcome, which `record` turns into a line of its table
    """A group cannot be recorded for an image."""

    def __init__(self, why: str, path: str = "", program: str = "", *, live: Rule | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.path = path
        self.program = program
        """Who wrote the path, such as "the postinst of openssh-server"."""
        self.live = live
        """The rule by which dpkg installs the group in each container."""


class Classes:
    """What becomes of each path."""

    def __init__(self, rules: Rules, payload: Mapping[str, Brought], mount: str) -> None:
        """`mount` is where the cache was during the installation."""
        self._rules, self._payload, self._mount = rules, payload, mount
        self.used: dict[str, Rule] = {}
        """By their patterns, the rules that something recorded needs."""

    def is_ignored(self, path: str) -> bool:
        """Return whether a path has no part in a recording, nor in what it depends on."""
        rule = self._rules.find(path)
        is_transient = f"{path}/".startswith(_TRANSIENT)
        return is_transient or self._is_foreign(path) or (rule is not None and rule.kind is RuleKind.DROP)

    def is_independent(self, path: str, base: Tree) -> bool:
        """Return whether no recording depends on what is at a path of the image `base`."""
        return self.is_ignored(path) and (
            path not in base or self._is_foreign(path) or not path.startswith(_OFTEN_EMPTY)
        )

    def is_dropped(self, path: str, entry: Entry | None, *, is_new: bool) -> bool:
        """Return whether a changed path is left out."""
        if self._is_foreign(path):
            return True
        if not self.is_ignored(path) or path in self._payload:
            return False
        return not (is_new and entry and entry.kind is Kind.FOLDER) or f"{path}/".startswith(_TRANSIENT)

    def _is_foreign(self, path: str) -> bool:
        return path == RESULT or f"{path}/".startswith((f"{self._mount}/", OF_RUNS))

    def rule(self, path: str, kind: RuleKind) -> Rule | None:
        """Return the rule of a path if it is of this kind; it is used from now on."""
        rule = self._rules.find(path)
        if rule is None or rule.kind is not kind:
            return None
        self.used.setdefault(rule.path, rule)
        return rule

    def compare(self, one: Observed, other: Observed) -> dict[str, Rule]:
        """Return the paths that differ between two installations, with the rule that allows it.

        Raise `NotRecordable` for a path that no rule covers, or that a rule leaves to dpkg.
        """
        allowed = {}
        for path in sorted(one.changes.keys() | other.changes.keys()):
            entries = [side.changes.get(path, side.before.get(path)) for side in (one, other)]
            if all(self.is_dropped(path, entry, is_new=path not in one.before) for entry in entries):
                continue
            if entries[0] is not None and entries[1] is not None and entries[0].is_like(entries[1]):
                continue
            if entries == [None, None]:
                continue
            allowed[path] = self._allowing(path, other)
        return allowed

    def _allowing(self, path: str, watched: Observed) -> Rule:
        rule = self._rules.find(path)
        program = watched.trace.writers.get(path, "") if watched.trace else ""
        if rule is None or rule.kind is RuleKind.DROP:
            raise NotRecordable(f"{path} differs between two installations, and no rule names it", path, program)
        self.used.setdefault(rule.path, rule)
        if rule.kind is RuleKind.LIVE:
            raise NotRecordable(rule.reason, path, program, live=rule)
        return rule
