"""The one table of exit statuses, of the installer and of every verb.

`docs/exit-statuses.md` is generated from it, and a test compares it with `installer/shared/statuses.sh`.
"""

from enum import Enum

_CLEAN_MISSES = {2, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 33, 40, 41, 42}


class ExitStatus(Enum):
    """Every exit status: its number, its meaning, and the next step of the reader."""

    INSTALLED = 0, "every package of the group is installed and configured", "nothing to do"
    INTERNAL = 1, "an unexpected error", "report it, with the text above"
    USAGE = 2, "the command line is wrong", "read --help"
    BAD_MANIFEST = 3, "the manifest, or a job's file, has problems, all of them listed", "fix the listed lines"
    BAD_LOCK = 4, "the lock is missing, damaged or stale", "run package-cache lock"
    ARCHIVE_UNREACHABLE = 5, "no mirror of a repository gave a usable answer", "check the network, or name a mirror"
    NOT_VERIFIED = 6, "a signature or hash does not match", "find out who altered the file; nothing was kept"
    PRECOMMAND_FAILED = 7, "a precommand failed or timed out", "fix the precommand"
    TOOL_MISSING = 8, "a tool that this verb needs is not installed", "install the named package"
    PLUGIN_FAILED = 9, "a runtime plugin failed, or its init container did not finish", "fix what the message names"
    NO_SUCH_GROUP = 10, "the cache has no group of that name", "add it to the manifest"
    NOT_FOR_SYSTEM = 11, "the group does not support this OS release", "add this OS release to the group"
    NOT_FOR_ARCHITECTURE = 12, "the group does not support this architecture", "add the architecture to the group"
    NO_PLAN = 13, "the container's packages and the cache's cannot be combined (a skew)", "lock --for this image"
    REGISTRY_FAILED = 14, "the registry did not answer, or refused the image", "check its name, network and login"
    DIFFERENT = 15, "the compared locks or caches differ (diff --exit-code)", "review the listed changes"
    OUTDATED = 16, "the archive has newer packages than the lock", "run package-cache lock, then build"
    TOO_OLD = 17, "the lock or the cache is older than max-age", "lock and build again"
    NOT_CONTAINED = 18, "this machine cannot isolate untrusted programs", "use a machine that allows user namespaces"
    NOT_RECORDED = 19, "a group cannot be recorded in an image: dpkg installs it there", "read the reason shown"
    NOT_ROOT = 20, "the installer does not run as root", "run it as root"
    NO_DPKG = 21, "this container has no dpkg or apt-get", "use the image's own fallback"
    DPKG_BROKEN = 22, "packages are half installed, or dpkg or apt does not work", "repair what the message names"
    CACHE_MISSING = 30, "there is no cache in this folder, or it is empty", "check the mount"
    CACHE_DAMAGED = 31, "a file of the cache is missing, truncated or altered", "stage or build the cache again"
    CACHE_TOO_NEW = 32, "the cache's format is newer than this program", "use the program that built the cache"
    NOT_TRUSTED = (
        33,
        "a group is not the one that was expected, or not signed by a key that was named",
        "find out who altered it",
    )
    NOT_SIGNED = 34, "gpg did not sign the cache", "have the secret key and its passphrase at hand"
    DPKG_LOCKED = 40, "another process kept dpkg locked too long", "wait for it to end"
    NO_SPACE = 41, "there is not enough disk space", "free space in the named folder"
    READ_ONLY = 42, "a path cannot be read or written: read-only, no permission, or not a file", "name another path"
    INSTALL_FAILED = 50, "dpkg or a package's maintainer script failed", "read the log shown"
    INTERRUPTED = 130, "a signal stopped it", "run it again"

    def __init__(self, code: int, meaning: str, next_step: str) -> None:
        self.code = code
        self.meaning = meaning
        self.next_step = next_step

    @property
    def is_clean_miss(self) -> bool:
        """True if the installer promises that it changed nothing in the container."""
        return self.code in _CLEAN_MISSES

    @property
    def reason(self) -> str:
        """The name of this status in result files and JSON, such as `no-such-group`."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, code: int) -> "ExitStatus":
        """Return the status with this number; INTERNAL for a number that is not in the table."""
        return next((status for status in cls if status.code == code), cls.INTERNAL)
