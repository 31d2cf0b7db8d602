"""Apt as the solver, with an empty dpkg status: what a group needs, whatever a container already has.

Of the machine's own apt configuration only `auth.conf` and the network settings (`network.py`) are read, so the result
depends on the archives alone.
"""

import base64
import contextlib
import functools
import re
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from debian.deb822 import Deb822

from package_cache.apt.preferences import stanza
from package_cache.apt.records import FIELDS, Place, Records
from package_cache.bounds import bound, excess
from package_cache.names import SOURCE, PackageRequest, SourcePackage
from package_cache.process import CommandError, Completed


class Runner(Protocol):
    """Runs a command where this apt lives (this machine, or a container)."""

    def __call__(self, argv: Sequence[str], *, stdin: str | None = None) -> Completed:
        """Return what the command left, whatever its status."""


SHOW_AT_ONCE = 200
"""Packages for one call of `apt-cache`: far below the kernel's limit for a command line."""

SILENCE = 20.0
"""Seconds without data after which apt gives up a server."""

_UNMET = "The following packages have unmet dependencies:\n"

_OTHER_SOLVER = re.compile(r"^E: The following information from --solver .*\n(?:  .*\n?)*", re.MULTILINE)
"""Output that apt 3 adds from a second solver."""

File = tuple[str, str, str]
"""Name, version and architecture of a package file."""

PREFERRED = 30000
"""The priority of a version to keep: above any priority that a manifest or a user would write."""


_MEASURE = """
folder=$(mktemp -d) && cd "$folder" && apt-get download --quiet=2 "$@" >&2 && sha256sum -- *.deb
status=$?; cd / && rm -rf "$folder"; exit "$status"
"""
"""Print the SHA-256 of packages; apt verifies them by the hashes in its lists."""

_END = "# end"

_RECORDS = rf"""
files=$(apt-get indextargets --format '$(FILENAME)' 'Created-By: Packages') || exit
{{
    printf '%s\n' "${{files}}" | while IFS= read -r file; do
        [ ! -e "${{file}}" ] || {{ /usr/lib/apt/apt-helper cat-file "${{file}}" && echo; }} || exit
    done && echo && echo '{_END}'
}} | grep -E "$1" | gzip -1 | base64
"""
"""Print some fields of all lists, compressed: plain, they are ten times the limit of a program's output."""


@dataclass(frozen=True, order=True)
class PlannedPackage:
    """One package of a plan, and the location of its file according to the index."""

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
    source: str = ""
    """Its field `Source`; empty where that says nothing new, and where it is none."""

    def place(self, native: str) -> Place:
        """Return its name and architecture as dpkg records them on a system of an architecture."""
        return self.name, native if self.architecture == "all" else self.architecture


@dataclass(frozen=True)
class Offer:
    """The versions of a package in the archives."""

    candidate: str | None
    """The version that apt would install, with priorities and pins; None if there is none."""
    suites: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By version: the suites that hold it."""


class NoPlanError(Exception):
    """Apt cannot install the requested packages. `words` is its output; `hint` is the next step if one is known."""

    def __init__(self, words: str, hint: str | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.hint = hint


GPGV = "/usr/bin/gpgv"
"""Verifies all signatures, whatever apt would choose."""


def config_text(folder: str, architectures: Sequence[str], *more: str) -> str:
    """Return the content of an `APT_CONFIG` file (apt.conf(5)) that keeps apt's state in `folder`.

    `architectures`: the system's own first. `more`: further lines.
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
        f'Acquire::http::Timeout "{SILENCE:g}";',
        f'Acquire::https::Timeout "{SILENCE:g}";',
        'APT::Sandbox::User "root";',  # only we may enter the folder; apt's own user may not
        # sqv, which apt 3 prefers, accepts signatures made before the key expired; without gpgv nothing is accepted.
        f'APT::Key::GPGVCommand "{GPGV}";',
        'APT::Solver "internal";',  # apt 3.1 has another default, so the locks of two machines would differ
        'Acquire::AllowInsecureRepositories "false";',  # apt 1.2 warns about unsigned lists and uses them
        'APT::Get::Always-Include-Phased-Updates "true";',  # else each machine would lock other versions
        'Acquire::AllowReleaseInfoChange "true";',  # a repository is identified by its key, not by its Label or Origin
        'APT::Cache-Start "100000000";',  # apt 1.2 grows its map in small steps
        *more,
    ]
    return "\n".join([*lines, ""])


class Apt:
    """Queries one isolated apt whose lists are downloaded already."""

    def __init__(self, runner: Runner, architecture: str, options: Sequence[str] = ()) -> None:
        """`options` are passed to each of apt's programs."""
        self._runner = runner
        self._architecture = architecture
        self._options = tuple(options)
        self._names: frozenset[str] | None = None

    def with_options(self, *options: str) -> "Apt":
        """Return the same apt with further options for its programs."""
        return Apt(self._runner, self._architecture, (*self._options, *options))

    def names(self) -> frozenset[str]:
        """Return the names of all packages in the lists."""
        if self._names is None:
            self._names = frozenset(self._checked(["apt-cache", "pkgnames"]).split())
        return self._names

    def versions(self, *names: str) -> list[str]:
        """Return the versions of packages in the lists, the newest of each first."""
        rows = self._outputs(["apt-cache", "madison"], names).splitlines()
        return list(dict.fromkeys(row.split("|")[1].strip() for row in rows if row.count("|") == 2))

    def offers(self, packages: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Offer]:
        """Return the offers of packages by name and architecture, without packages that no archive has."""
        names = {self._name(*package): package for package in packages}
        found = _offers(self._outputs(["apt-cache", "policy", "--"], sorted(names)))
        return {names[head]: offer for head, offer in found.items() if head in names}

    def sources(self, packages: Iterable[File]) -> dict[tuple[str, str], SourcePackage]:
        """Return the source packages of packages in the lists, by name and version."""
        names = [f"{self._name(name, architecture)}={version}" for name, version, architecture in packages]
        found = {}
        for record in Deb822.iter_paragraphs(self._outputs(["apt-cache", "show", "--"], names), use_apt_pkg=False):
            name, version = record.get("Package", "").lower(), record.get("Version", "")  # lower: as apt reads it
            found[name, version] = SourcePackage.of(_source_field(record, name, version), name, version)
        return found

    def providers(self, name: str) -> list[str]:
        """Return the names of packages whose candidate version provides a virtual package."""
        text = self._checked(["apt-cache", "showpkg", "--", name]).partition("\nReverse Provides:")[2]
        found = {tuple(line.split()[:2]) for line in text.splitlines() if len(line.split()) > 1}
        offers = self.offers((other, self._architecture) for other, _ in found)
        return sorted(
            {other for (other, _), offer in offers.items() if (other, offer.candidate) in found and other != name}
        )

    @contextlib.contextmanager
    def preferring(self, versions: Iterable[File], *, priority: int = PREFERRED) -> Iterator["Apt"]:
        """Yield the same apt, which prefers these versions if the archives have them; it is valid inside the block.

        Existing preferences (apt_preferences(5)) of single packages come first. The name `src:NAME` with the
        architecture `all`: all packages built from a source package, if this apt supports that.
        """
        stanzas = [
            stanza([self._name(name, architecture)], priority, version=version)
            for name, version, architecture in versions
        ]
        if not stanzas:
            yield self
            return
        folder = self._checked(["sh", "-c", _WRITE_PREFERENCES], "\n".join(stanzas)).strip()
        try:
            yield self.with_options(f"-oDir::Etc::preferencesparts={folder}")
        finally:
            self._runner(["rm", "-rf", folder])

    @contextlib.contextmanager
    def seeing(self, status: bytes, marks: bytes) -> Iterator["Apt"]:
        """Yield the same apt with this dpkg status instead of the machine's; it is valid inside the block.

        `marks` is the content of apt's extended_states, which marks automatically installed packages.
        """
        folder = self._checked(["mktemp", "-d"]).strip()
        try:
            for name, content in (("status", status), ("extended_states", marks)):
                self._checked(["dd", f"of={folder}/{name}", "status=none"], content.decode("utf-8", "replace"))
            files = [f"-oDir::State::{name}={folder}/{name}" for name in ("status", "extended_states")]
            yield self.with_options(*files, "-oAPT::Get::Upgrade-By-Source-Package=false")  # as little as possible
        finally:
            self._runner(["rm", "-rf", folder])

    def plan(self, requests: Iterable[PackageRequest], *, recommends: bool = False) -> tuple[PlannedPackage, ...]:
        """Return every package that an empty system needs for the requests, sorted by name.

        Raises `NoPlanError` with apt's output if there is no plan.
        """
        switch = "--install-recommends" if recommends else "--no-install-recommends"
        wanted = [str(request) for request in requests]
        argv = ["--yes", "--print-uris", "--no-remove", switch, "--", *wanted]
        completed = self.run(["apt-get", "install", "--quiet=2", *argv])
        if completed.returncode != 0:
            words = _OTHER_SOLVER.sub("", completed.stderr + completed.stdout).strip()
            # Apt prints its table of unmet dependencies only at a lower level of quiet.
            _, head, rest = self.run(["apt-get", "install", "--quiet=1", *argv]).stdout.partition(_UNMET)
            raise NoPlanError(f"{words}\n{head}{rest}".strip())
        return self._described(completed.stdout)

    def files(self, packages: Iterable[File]) -> tuple[PlannedPackage, ...]:
        """Return the files of packages in the lists, sorted by name."""
        names = [f"{self._name(name, architecture)}={version}" for name, version, architecture in packages]
        return self._described(self._outputs(["apt-get", "download", "--quiet=2", "--print-uris"], names))

    def records(self) -> Records:
        """Return the records of all versions in the lists, not only of candidates."""
        packed = self._checked(["sh", "-c", _RECORDS, "sh", f"^({'|'.join(FIELDS)}): |^$|^{_END}$"])
        return Records(_unpacked(base64.b64decode(packed)), self._architecture)

    def _described(self, uris: str) -> tuple[PlannedPackage, ...]:
        """Return the packages that `apt-get --print-uris` printed."""
        files = [_file(line) for line in uris.splitlines() if line.startswith("'")]
        names = [f"{self._name(name, of)}={version}" for _, (name, version, of) in files]
        shown = self._outputs(["apt-cache", "show", "--"], names)
        records = {  # by name, in lower case as apt reads it, and path
            (item.get("Package", "").lower(), item.get("Filename", "").removeprefix("./")): item
            for item in Deb822.iter_paragraphs(shown, use_apt_pkg=False)
        }
        planned = [self._planned(uri, key, records) for uri, key in files]
        unmeasured = [item for item in planned if not item.sha256]
        measured = self._measured(unmeasured) if unmeasured else []
        return tuple(sorted([*(item for item in planned if item.sha256), *measured]))

    def _measured(self, packages: Sequence[PlannedPackage]) -> list[PlannedPackage]:
        """Return packages with the SHA-256 of files that apt downloads and verifies by the SHA-512 of its index.

        Raises `NoPlanError` if apt cannot download them.
        """
        names = [f"{self._name(item.name, item.architecture)}={item.version}" for item in packages]
        completed = self.run(["sh", "-c", _MEASURE, "sh", *names])
        found = {}
        for line in completed.stdout.splitlines():
            digest, _, file = line.partition("  ")
            found[tuple(urllib.parse.unquote(file.removesuffix(".deb")).split("_"))] = digest
        digests = [found.get((item.name, item.version, item.architecture), "") for item in packages]
        if completed.returncode != 0 or "" in digests:
            raise NoPlanError((completed.stderr + completed.stdout).strip())
        return [replace(item, sha256=digest) for item, digest in zip(packages, digests, strict=True)]

    def _name(self, name: str, architecture: str) -> str:
        return name if architecture in ("all", self._architecture) else f"{name}:{architecture}"

    def _planned(self, uri: str, key: File, records: dict[tuple[str, str], Deb822]) -> PlannedPackage:
        base = max((base for base in self._base_uris if uri.startswith(f"{base}/")), key=len, default="")
        path = urllib.parse.unquote(uri.removeprefix(f"{base}/")).removeprefix("./")
        record = records.get((key[0], path))
        if record is None or not {"SHA256", "SHA512"} & {*record}:
            raise NoPlanError(
                f"its repository states neither SHA-256 nor SHA-512 of {path}",
                "ask the owner of the repository for the field SHA256 in its Packages, or name another repository",
            )
        size = record.get("Size", "")
        if not _SIZE.fullmatch(size):
            hint = "ask who makes the repository for the right size in its Packages, or name another one"
            raise NoPlanError(
                f"its repository states the size {size[:40]!r} of {path}, which is no number of bytes", hint
            )
        source = _source_field(record, *key[:2])
        return PlannedPackage(*key, int(size), record.get("SHA256", "").lower(), base, path, source)

    @functools.cached_property
    def _base_uris(self) -> frozenset[str]:
        text = self._checked(["apt-get", "indextargets", "--format", "$(REPO_URI)"])
        return frozenset(line.rstrip("/") for line in text.splitlines())

    def run(self, argv: Sequence[str], stdin: str | None = None) -> Completed:
        """Run a program of this apt, or a command beside it, whatever its status."""
        options = self._options if argv[0].startswith("apt") else ()
        return self._runner([argv[0], *options, *argv[1:]], stdin=stdin)

    def _outputs(self, argv: Sequence[str], arguments: Sequence[str]) -> str:
        """Return what a command prints about many arguments."""
        starts = range(0, len(arguments), SHOW_AT_ONCE)
        return "\n".join(self._checked([*argv, *arguments[start : start + SHOW_AT_ONCE]]) for start in starts)

    def _checked(self, argv: Sequence[str], stdin: str | None = None) -> str:
        completed = self.run(argv, stdin)
        if completed.returncode != 0:
            raise CommandError(argv, completed.returncode, completed.stdout + completed.stderr)
        return completed.stdout


_WRITE_PREFERENCES = """
eval "$(apt-config shell parts Dir::Etc::preferencesparts/d)"
folder=$(mktemp -d) || exit
for file in "${parts}"/*; do [ ! -f "${file}" ] || cp "${file}" "${folder}/" || exit; done
cat >"${folder}/00package-cache" && echo "${folder}"
"""
"""Keeps existing preferences; specific stanzas such as ours win over general ones (apt_preferences(5))."""


def _unpacked(packed: bytes) -> Iterator[str]:
    """Yield the paragraphs that `_RECORDS` printed. Raises `CommandError` if the output is incomplete or too large."""
    unpacker = zlib.decompressobj(wbits=31)  # gzip
    rest, size = b"", 0
    while packed and not unpacker.eof:
        block = unpacker.decompress(packed, _BLOCK)
        packed, size = unpacker.unconsumed_tail, size + len(block)
        if size > bound("records-bytes"):
            raise CommandError(["apt-helper", "cat-file"], 1, f"it printed {excess('records-bytes')}")
        *paragraphs, rest = (rest + block).split(b"\n\n")
        yield from (text.decode("utf-8", "replace") for text in paragraphs)
    if rest.strip() != _END.encode():
        raise CommandError(["apt-helper", "cat-file"], 1, "it broke off")


_BLOCK = 1 << 20

_SOURCE = re.compile(r" +-?[0-9]+ (\S+) (\S+)(?: \S+)? Packages")
"""A line of `apt-cache policy` below a version: priority, URI, `suite/component`, architecture."""

_FILE = re.compile(r"'([^']*)' ([^\s_]+)_([^\s_]+)_([^\s_]+)\.deb \d+.*")
"""A line of `apt-get --print-uris`: apt escapes the underscores that a version itself has."""

_SIZE = re.compile(r"[0-9]{1,19}", re.ASCII)


def _offers(text: str) -> dict[str, Offer]:
    """Return what `apt-cache policy` prints about each package, by its name."""
    found: dict[str, Offer] = {}
    head = version = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            head = line.removesuffix(":")
        elif line.startswith("  Candidate: "):
            candidate = line.split()[1]
            found[head] = Offer(None if candidate == "(none)" else candidate)
        elif match := _SOURCE.fullmatch(line):
            suites = found[head].suites
            suites[version] = (*suites.get(version, ()), match[2].rpartition("/")[0] or match[2])
        elif re.match(r" (?:   |\*\*\*) \S+ -?[0-9]+$", line):
            version = line.split()[-2]
    return found


def _source_field(record: Deb822, name: str, version: str) -> str:
    """Return the field `Source` of a record; empty where that says nothing new, and where no lock could hold it."""
    field = str(record.get("Source", ""))
    return SourcePackage.of(field, name, version).field_of(name, version) if SOURCE.fullmatch(field) else ""


def _file(line: str) -> tuple[str, File]:
    """Read a line of --print-uris: `'URI' name_version_architecture.deb size hash`; its parts are URI-escaped."""
    match = _FILE.fullmatch(line)
    if match is None:
        hint = "ask who makes the repository to correct Filename and Version in its Packages, or name another one"
        raise NoPlanError(f"apt-get --print-uris gave a line that is no package: {line}", hint)
    name, version, architecture = map(urllib.parse.unquote, match.groups()[1:])
    return match[1], (name, version, architecture)
