"""This machine's apt in the place of a container's: it plans against that one's dpkg database and one group's index.

The configuration is the installer's own (`write_configuration` in install_group.sh): nothing of this machine is read,
nothing fetched, nothing installed.
"""

import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from debian.debian_support import NativeVersion

from package_cache.outside.packages.dpkg_database import DpkgDatabase
from package_cache.outside.run import Completed, run
from package_cache.values.verdict import PlannedFile

LIMIT = 120.0
"""Seconds that apt may take; it needs hundredths."""

_REPOSITORY = "/package-cache"
"""Where apt believes the group to be. Nothing is looked for there: its index lies among apt's lists already."""

_NOTHING = (
    "", "::main", "::parts", "::sourceparts", "::preferences", "::preferencesparts", "::trusted", "::trustedparts",
    "::netrc", "::netrcparts",
)  # fmt: skip

_BY_SOURCE = "2.5.2"
"""From this version on apt upgrades with a package what else is here of the same source (apt's NEWS.Debian)."""

_URI = re.compile(r"'[^']*/([0-9a-f]{64})\.deb' (\S+)\.deb ([0-9]{1,15})(?: .*)?", re.ASCII)

_HALF_DONE = (
    " not fully installed or removed.",
    "--fix-broken install",
    "apt-get -f install",
    " needs to be reinstalled",
)
"""What apt says where dpkg is not in order; of several versions."""


@dataclass(frozen=True)
class AptAnswer:
    """What apt said to a request."""

    succeeded: bool
    words: str

    @property
    def is_half_done(self) -> bool:
        """True where it complains of packages that are half installed already."""
        return any(sign in self.words for sign in _HALF_DONE)

    def files(self) -> tuple[PlannedFile, ...] | None:
        """Give the package files of a plan, in apt's order; None where one lies outside the pool."""
        found = []
        for line in self.words.splitlines():
            if line.startswith("'"):
                match = _URI.fullmatch(line)
                if match is None:
                    return None
                parts = [urllib.parse.unquote(part) for part in match[2].split("_")]
                if len(parts) != 3:
                    return None
                name, version, architecture = parts
                found.append(PlannedFile(name, version, architecture, int(match[3]), match[1]))
        return tuple(found)


class ContainerApt:
    """Asks apt as if it ran in a container with this database; `folder` is empty and ours."""

    def __init__(self, folder: Path, database: DpkgDatabase, architecture: str) -> None:
        self._folder = folder
        self._architectures = tuple(dict.fromkeys((architecture, *database.architectures)))
        versions = [item.version for item in database.of("apt")]
        self._by_source = not any(map(_is_older, versions))
        state = folder / "dpkg"
        (state / "updates").mkdir(parents=True)
        (state / "status").write_bytes(database.status)
        for name, content in database.updates.items():
            (state / "updates" / name).write_bytes(content)
        (folder / "extended_states").write_bytes(database.marks)
        (folder / "lists").mkdir()
        (folder / "sources.list").write_text(f"deb [trusted=yes] file:{_REPOSITORY} 1/\n")

    def use(self, index: Path, *, recommends: bool) -> None:
        """Let apt know this index, and no other."""
        text = _configuration(self._folder, self._architectures, recommends=recommends)
        by_source = f'APT::Get::Upgrade-By-Source-Package "{str(self._by_source).lower()}";\n'
        (self._folder / "apt.conf").write_text(text + by_source)
        name = _REPOSITORY.replace("/", "_")  # as apt names the lists of what it has fetched
        (self._folder / "lists" / f"{name}_1_Packages").write_bytes(index.read_bytes())

    def install(self, requests: Sequence[str]) -> AptAnswer:
        """Ask for a plan that installs these."""
        return _answer(self._run("-y", "--no-remove", "--print-uris", "install", *requests))

    def check(self) -> AptAnswer:
        """Ask whether apt can read all this, and finds the dependencies of what is there met."""
        return _answer(self._run("check"))

    def _run(self, *words: str) -> Completed:
        env = {
            "APT_CONFIG": str(self._folder / "apt.conf"),
            "TMPDIR": str(self._folder),
            "LC_ALL": "C",
            "LANGUAGE": "",
        }
        return run(["apt-get", *words], env=env, timeout=LIMIT, check=False)


def _is_older(version: str) -> bool:
    try:
        return bool(NativeVersion(version) < NativeVersion(_BY_SOURCE))
    except ValueError:  # no version at all
        return False


def _answer(completed: Completed) -> AptAnswer:
    return AptAnswer(completed.returncode == 0, completed.stdout + completed.stderr)


def _configuration(folder: Path, architectures: Sequence[str], *, recommends: bool) -> str:
    """Give apt.conf(5) as `write_configuration` in install_group.sh writes it."""
    lines = [f'Dir::Etc{name} "/dev/null";' for name in _NOTHING]
    places = {
        "Etc::sourcelist": f"{folder}/sources.list", "State": f"{folder}", "State::lists": f"{folder}/lists",
        "State::status": f"{folder}/dpkg/status", "State::extended_states": f"{folder}/extended_states",
        "Cache": f"{folder}", "Cache::archives": f"{folder}", "Cache::pkgcache": "", "Cache::srcpkgcache": "",
        "Log": f"{folder}", "Log::Planner": "",
    }  # fmt: skip
    lines += [f'Dir::{name} "{value}";' for name, value in places.items()]
    options = {
        "Architecture": architectures[0], "Sandbox::User": "root", "Install-Suggests": "false",
        "Install-Recommends": str(recommends).lower(), "Get::Always-Include-Phased-Updates": "true",
    }  # fmt: skip
    lines += [f'APT::{name} "{value}";' for name, value in options.items()]
    lines += [f'APT::Architectures:: "{name}";' for name in architectures]
    return "\n".join([*lines, 'Acquire::Languages "none";', 'DPkg::Lock::Timeout "0";', ""])
