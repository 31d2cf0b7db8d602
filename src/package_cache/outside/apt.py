"""Apt as the solver, with an empty dpkg status: what a group needs, whatever a container already has.

The machine's own apt configuration is not read, but for its proxies and `auth.conf`; so what comes out depends on the
archives alone.
"""

import re
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822

from package_cache.outside.run import CommandError, Completed
from package_cache.values.names import PackageRequest

Runner = Callable[[Sequence[str]], Completed]
"""Runs a command where this apt lives (this machine, or a container) and gives what it left, whatever its status."""

AUTH = Path("/etc/apt/auth.conf")
"""Of this machine's apt: users and passwords, apt_auth.conf(5)."""

SHOW_AT_ONCE = 200
"""Packages for one `apt-cache show`: far below the kernel's limit for a command line."""


@dataclass(frozen=True, order=True)
class PlannedPackage:
    """One package that a plan takes, and where the index says that its file lies."""

    name: str
    version: str
    architecture: str
    size: int
    """In bytes."""
    sha256: str
    base_uri: str
    """Of the repository, without a slash at the end."""
    path: str
    """Below the base URI; unescaped."""


class NoPlanError(Exception):
    """Apt finds no way to install what was asked for. `words` are its own."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def config_text(
    folder: str, architectures: Sequence[str], *, own_sources: bool, proxies: str = "", auth: Path | None = None
) -> str:
    """Give the content of an `APT_CONFIG` file (apt.conf(5)) that keeps apt's state in `folder`.

    `architectures`: the system's own first. `own_sources`: take `etc/` in the folder as well, not the place's own.
    `auth`: an apt_auth.conf(5) instead of the machine's.
    """
    lines = [
        f'Dir::State::status "{folder}/status";',
        f'Dir::State::extended_states "{folder}/extended_states";',
        f'Dir::State::lists "{folder}/lists";',
        f'Dir::Cache "{folder}/cache";',
        f'Dir::Log "{folder}/log";',
        f'APT::Architecture "{architectures[0]}";',
        f"APT::Architectures {{ {' '.join(f'{chr(34)}{name}{chr(34)};' for name in architectures)} }};",
        'Acquire::Languages "none";',
        'Acquire::Retries "3";',
        'Acquire::http::Timeout "20";',
        'Acquire::https::Timeout "20";',
        'APT::Sandbox::User "root";',  # the folder is ours alone; apt's own user could not enter it
        'APT::Get::Always-Include-Phased-Updates "true";',  # else each machine would lock something else
        'APT::Cache-Start "100000000";',  # apt 1.2 grows its map in small steps
        *proxies.splitlines(),
    ]
    if own_sources:
        lines += [
            f'Dir::Etc "{folder}/etc";',
            'Dir::Etc::main "/dev/null";',
            'Dir::Etc::parts "/dev/null";',
            f'Dir::Etc::netrc "{auth or AUTH}";',
            'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
        ]
    return "\n".join([*lines, ""])


class Apt:
    """Asks one isolated apt whose lists are there already."""

    def __init__(self, runner: Runner, architecture: str) -> None:
        self._run = runner
        self._architecture = architecture
        self._bases: tuple[str, ...] | None = None
        self._names: frozenset[str] | None = None

    def names(self) -> frozenset[str]:
        """Give the names of all packages that the lists know."""
        if self._names is None:
            self._names = frozenset(self._checked(["apt-cache", "pkgnames"]).split())
        return self._names

    def versions(self, *names: str) -> list[str]:
        """Give the versions of packages that the lists hold, newest first of each."""
        rows: list[str] = []
        for start in range(0, len(names), SHOW_AT_ONCE):
            rows += self._checked(["apt-cache", "madison", *names[start : start + SHOW_AT_ONCE]]).splitlines()
        return list(dict.fromkeys(row.split("|")[1].strip() for row in rows if row.count("|") == 2))

    def plan(self, requests: Iterable[PackageRequest], *, recommends: bool = False) -> tuple[PlannedPackage, ...]:
        """Give every package that a bare system needs for the requests, in order of name.

        Raises `NoPlanError` with apt's words where there is no way.
        """
        switch = "--install-recommends" if recommends else "--no-install-recommends"
        wanted = [str(request) for request in requests]
        argv = ["apt-get", "install", "--yes", "--quiet=2", "--print-uris", "--no-remove", switch, "--", *wanted]
        completed = self._run(argv)
        if completed.returncode != 0:
            raise NoPlanError((completed.stderr + completed.stdout).strip())
        files = [_file(line) for line in completed.stdout.splitlines() if line.startswith("'")]
        records = self._records([self._argument(*key) for _, key in files])
        return tuple(sorted(self._planned(uri, key, records) for uri, key in files))

    def _argument(self, name: str, version: str, architecture: str) -> str:
        own = architecture in ("all", self._architecture)
        return f"{name}={version}" if own else f"{name}:{architecture}={version}"

    def _records(self, arguments: Sequence[str]) -> dict[tuple[str, str], Deb822]:
        """Give the index's paragraphs by package name and path."""
        found: dict[tuple[str, str], Deb822] = {}
        for start in range(0, len(arguments), SHOW_AT_ONCE):
            text = self._checked(["apt-cache", "show", "--", *arguments[start : start + SHOW_AT_ONCE]])
            for paragraph in Deb822.iter_paragraphs(text, use_apt_pkg=False):
                found[paragraph["Package"], paragraph["Filename"].removeprefix("./")] = paragraph
        return found

    def _planned(self, uri: str, key: tuple[str, str, str], records: dict[tuple[str, str], Deb822]) -> PlannedPackage:
        base = max((base for base in self._base_uris() if uri.startswith(f"{base}/")), key=len, default="")
        path = urllib.parse.unquote(uri.removeprefix(f"{base}/")).removeprefix("./")
        record = records.get((key[0], path))
        if record is None or "SHA256" not in record:
            raise NoPlanError(f"the index does not give the SHA-256 of {path}: nothing could vouch for its bytes")
        return PlannedPackage(*key, int(record["Size"]), record["SHA256"].lower(), base, path)

    def _base_uris(self) -> tuple[str, ...]:
        if self._bases is None:
            text = self._checked(["apt-get", "indextargets", "--format", "$(REPO_URI)"])
            self._bases = tuple(dict.fromkeys(line.rstrip("/") for line in text.splitlines()))
        return self._bases

    def _checked(self, argv: Sequence[str]) -> str:
        completed = self._run(argv)
        if completed.returncode != 0:
            raise CommandError(argv, completed.returncode, completed.stdout + completed.stderr)
        return completed.stdout


def _file(line: str) -> tuple[str, tuple[str, str, str]]:
    """Read a line of --print-uris: `'URI' name_version_architecture.deb size hash`; the name is URI-escaped."""
    match = re.fullmatch(r"'([^']*)' (\S+)\.deb \d+.*", line)
    if match is None:
        raise NoPlanError(f"apt-get --print-uris gave a line that is no package: {line}")
    name, version, architecture = urllib.parse.unquote(match[2]).split("_")
    return match[1], (name, version, architecture)
