"""The settings of verbs that download from archives: created once, by the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Where state is kept, and the user's options for archives."""

    state: Path
    """Folder for package lists, keyrings and roots between runs. Losing it only costs time."""
    mirrors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """URIs to try, by the archive's name (`ubuntu`, `debian-security`), instead of the machine's own."""
    keyrings: Mapping[str, Path] = field(default_factory=dict)
    """Files of keys, by distribution, for mirrors that sign with keys of their own."""
    auth: Path | None = None
    """A file in the format of apt_auth.conf(5) with users and passwords, instead of the machine's own."""
    gnupg: Path | None = None
    """The user's GnuPG home, to look up keys that the manifest names by fingerprint."""
    snapshots: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """URIs of mirrors that keep old versions, by the name of an archive or a repository."""
    allow_expired: bool = False
    """Accept package lists after their Valid-Until date."""
    proxies: Mapping[str, str] = field(default_factory=dict)
    """Variables such as `https_proxy` and `no_proxy`, for programs in a root."""
    precommand_timeout: float = 600.0
    """Maximum seconds for one group's precommands."""
    uncontained_precommands: bool = False
    """Run precommands as root of this machine, in a copy of a root, if it cannot isolate them."""

    def with_mirrors(self, mirrors: Mapping[str, Sequence[str]]) -> "Options":
        """Return these options with a manifest's mirrors of the archives for which the user named none."""
        return replace(self, mirrors={**mirrors, **self.mirrors})
