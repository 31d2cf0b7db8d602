"""The one table of exit statuses, of the installer and of every verb.

`docs/exit-statuses.md` is made from it, and a test compares it with `installer/shared/statuses.sh`.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Meaning:
    """What one exit status tells: its number, what it means, what the reader does next."""

    code: int
    meaning: str
    next_step: str
    clean_miss: bool = False
    """True where the installer promises that nothing in the container was touched."""


class ExitStatus(Enum):
    """Every exit status. The member's name, in lower case with hyphens, is the `reason` in result files."""

    INSTALLED = Meaning(0, "every package of the group is installed and configured", "nothing to do")
    INTERNAL = Meaning(1, "an error nobody foresaw", "report it, with the text above")
    USAGE = Meaning(2, "the command line is wrong", "read --help", clean_miss=True)
    BAD_MANIFEST = Meaning(3, "the manifest, or a job's file, has problems, all of them listed", "mend the lines named")
    BAD_LOCK = Meaning(4, "the lock is missing, damaged or stale", "run package-cache lock")
    ARCHIVE_UNREACHABLE = Meaning(
        5, "no mirror of a repository answered rightly", "check the network, or name a mirror"
    )
    NOT_VERIFIED = Meaning(6, "a signature or hash does not fit", "find out who altered it; nothing was kept")
    PRECOMMAND_FAILED = Meaning(7, "a precommand ended with an error or ran out of time", "mend the precommand")
    TOOL_MISSING = Meaning(8, "a tool that this verb needs is not here", "install the package named")
    PLUGIN_FAILED = Meaning(
        9, "a plugin of the runtime failed, or its init container did not finish", "mend what the message names"
    )
    NO_SUCH_GROUP = Meaning(10, "the cache has no group of that name", "add it to the manifest", clean_miss=True)
    NOT_FOR_SYSTEM = Meaning(
        11, "the group is not for this OS release", "add this system to the group", clean_miss=True
    )
    NOT_FOR_ARCHITECTURE = Meaning(
        12, "the group is not for this architecture", "add the architecture to the group", clean_miss=True
    )
    NO_PLAN = Meaning(
        13,
        "the container's packages and the cache's cannot be combined (a skew)",
        "lock --for this image",
        clean_miss=True,
    )
    REGISTRY_FAILED = Meaning(
        14, "the registry did not answer, or refused the image", "check its name, the network, and the login"
    )
    DIFFERENT = Meaning(15, "what was compared differs (diff --exit-code)", "review what is listed")
    OUTDATED = Meaning(16, "the archive has newer packages than the lock", "run package-cache lock, and build")
    TOO_OLD = Meaning(17, "the lock or the cache is older than max-age", "lock and build again")
    NOT_CONTAINED = Meaning(
        18, "this machine cannot contain a stranger's programs", "do it where user namespaces are allowed"
    )
    NOT_ROOT = Meaning(20, "the installer is not root", "run it as root", clean_miss=True)
    NO_DPKG = Meaning(21, "there is no dpkg or apt-get here", "use the fallback of this image", clean_miss=True)
    DPKG_BROKEN = Meaning(
        22, "packages are half installed here, or dpkg or apt does not work", "mend what is named", clean_miss=True
    )
    CACHE_MISSING = Meaning(30, "there is no cache at this place, or it is empty", "check the mount", clean_miss=True)
    CACHE_DAMAGED = Meaning(
        31, "a file of the cache is missing, truncated or altered", "stage or build it again", clean_miss=True
    )
    CACHE_TOO_NEW = Meaning(
        32, "the cache's format is newer than this program", "use the program of the cache", clean_miss=True
    )
    DPKG_LOCKED = Meaning(40, "another process kept dpkg locked too long", "wait for it to end", clean_miss=True)
    NO_SPACE = Meaning(41, "there is not enough space", "free what the message names", clean_miss=True)
    READ_ONLY = Meaning(
        42,
        "a place cannot be written or read: it is read-only, another user's, or no place for a file",
        "name another place",
        clean_miss=True,
    )
    INSTALL_FAILED = Meaning(50, "dpkg or a package's own script ended with an error", "read the log shown")
    INTERRUPTED = Meaning(130, "a signal ended it", "run it again")

    @property
    def code(self) -> int:
        """The number that the process exits with."""
        return self.value.code

    @property
    def reason(self) -> str:
        """The name of this status in result files and JSON, such as `no-such-group`."""
        return self.name.lower().replace("_", "-")
