"""What the verbs that reach archives need to know of their surroundings: made once, at the edge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Where state is kept, and what the user says about archives."""

    state: Path
    """Keeps lists of packages, keyrings and roots between runs. Losing it costs time only."""
    mirrors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """URIs to try, by the archive's name (`ubuntu`, `debian-security`), instead of those the machine knows."""
    keyrings: Mapping[str, Path] = field(default_factory=dict)
    """Files of keys, by distribution, for mirrors that sign with keys of their own."""
    auth: Path | None = None
    """A file of apt_auth.conf(5) with the users and passwords of servers, read instead of the machine's own."""
    gnupg: Path | None = None
    """The user's GnuPG home, where a repository's key may be that the manifest names by its fingerprint."""
    snapshots: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """URIs of mirrors that keep old versions, by the name of an archive or a repository."""
    allow_expired: bool = False
    """Use lists of archives and repositories that are no longer valid."""
    proxies: Mapping[str, str] = field(default_factory=dict)
    """Variables such as `https_proxy` and `no_proxy`, for what runs in a root."""
    precommand_timeout: float = 600.0
    """Seconds that one group's precommands may take."""
    uncontained_precommands: bool = False
    """Run precommands as root of this machine, in a copy of a root, if it can contain nothing."""

    def mirrors_over(self, mirrors: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
        """Return what the user chose and, for archives that the user did not name, these mirrors of a manifest."""
        return {**mirrors, **self.mirrors}
