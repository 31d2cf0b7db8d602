"""dpkg's database, read from its own files: which packages a system has, and in which state (dpkg(1))."""

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from package_cache.outside.images.system_files import SystemFiles
from package_cache.outside.run import run
from package_cache.values.names import ARCHITECTURE

FOLDER = "/var/lib/dpkg"
MARKS = "/var/lib/apt/extended_states"
LIMIT = 60.0
"""Seconds that dpkg may take to read one; it needs hundredths."""

_FIELD = re.compile(
    r"^(Package|Status|Architecture|Version|Provides)[ \t\v\f\r]*:[ \t\v\f\r]*(.*(?:\n[ \t\v\f\r].*)*)$",
    re.MULTILINE | re.IGNORECASE,
)
"""As dpkg reads it: names in whatever case, and perhaps a blank behind them; a NUL ends the value."""
_BLANKS = " \t\n\v\f\r"
_EPOCH = re.compile(r"([0-9]{1,10}):(.*)", re.ASCII | re.DOTALL)
_STATUS = re.compile(
    r"(unknown|install|hold|deinstall|purge)\s*(ok|reinstreq)\s*(not-installed|config-files|half-installed|unpacked"
    r"|half-configured|triggers-awaited|triggers-pending|installed)",
    re.ASCII,
)
"""All that dpkg takes; blanks between them it does not need."""

_UPDATE = re.compile(r"[0-9].*", re.DOTALL)
"""What the installer takes for a sign that dpkg was broken off."""

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
"""What dpkg reads."""

_NOTHING_LEFT = ("not-installed", "config-files")


@dataclass(frozen=True)
class KnownPackage:
    """A package as dpkg knows it."""

    name: str
    architecture: str
    version: str
    wanted: str
    """`install`, `hold`, `deinstall`, ..."""
    flag: str
    """`ok` or `reinstreq`."""
    state: str
    """`installed`, `half-configured`, ..."""
    provides: str

    @property
    def is_whole(self) -> bool:
        """True where it is installed and configured, and shall stay, as the installer asks it."""
        return self.wanted in ("install", "hold") and (self.flag, self.state) == ("ok", "installed")

    @property
    def is_half(self) -> bool:
        """True where something of it is here that somebody has to complete."""
        return self.flag != "ok" or self.state not in ("installed", *_NOTHING_LEFT)

    def provides_name(self, name: str) -> bool:
        """Tell whether it provides a virtual package."""
        return name in (item.partition("(")[0].strip() for item in self.provides.split(","))


@dataclass(frozen=True)
class DpkgDatabase:
    """The database, with the bytes of its files for an apt that reads them itself."""

    status: bytes
    updates: Mapping[str, bytes] = field(default_factory=dict)
    """Files of dpkg's journal, by name: a run of dpkg was broken off, and they are not in `status` yet."""
    arch: bytes = b""
    architectures: tuple[str, ...] = ()
    """Those that `dpkg --add-architecture` was told, its own often among them."""
    marks: bytes = b""
    """apt's: which packages are dependencies only."""
    packages: tuple[KnownPackage, ...] = ()

    @property
    def architecture(self) -> str | None:
        """dpkg's own architecture: that of its own package; None where that is not here."""
        found = [item.architecture for item in self.packages if item.name == "dpkg" and item.state == "installed"]
        return found[0] if found and ARCHITECTURE.fullmatch(found[0]) else None

    def of(self, name: str) -> list[KnownPackage]:
        """Give what there is of a package, of all architectures."""
        return [item for item in self.packages if item.name == name and item.state not in _NOTHING_LEFT]


def make_database(
    status: bytes, *, updates: Mapping[str, bytes] | None = None, arch: bytes = b"", marks: bytes = b""
) -> DpkgDatabase:
    """Read the bytes of its files. What cannot be understood of them is left out."""
    found: dict[tuple[str, str], KnownPackage] = {}
    journal = (content for name, content in sorted((updates or {}).items()) if _DIGITS.fullmatch(name))
    for content in (status, *journal):
        for package in _packages(content):
            found[package.name, package.architecture] = package
    lines = (line.strip() for line in arch.decode("ascii", "replace").split("\n"))
    architectures = tuple(line for line in lines if ARCHITECTURE.fullmatch(line))  # they go into apt's configuration
    return DpkgDatabase(status, updates or {}, arch, architectures, marks, tuple(found.values()))


def read_database(files: SystemFiles) -> DpkgDatabase:
    """Read it out of a system's files; one without any package where there is none."""
    names = [name for name in files.names(f"{FOLDER}/updates") if _UPDATE.fullmatch(name)]
    return make_database(
        files.read(f"{FOLDER}/status") or b"",
        updates={name: files.read(f"{FOLDER}/updates/{name}") or b"" for name in names},
        arch=files.read(f"{FOLDER}/arch") or b"",
        marks=files.read(MARKS) or b"",
    )


def _packages(content: bytes) -> Iterable[KnownPackage]:
    for paragraph in content.decode("utf-8", "replace").split("\n\n"):  # a blank in an empty line continues a value
        matches = _FIELD.finditer(paragraph)
        fields = {match[1].capitalize(): match[2].partition("\0")[0].strip(_BLANKS) for match in matches}
        status = _STATUS.fullmatch(fields.get("Status", "").lower())
        if "Package" in fields and status:
            names = ("Package", "Architecture", "Version")
            name, architecture, version = (fields.get(key, "") for key in names)
            wanted, flag, is_in = status.groups()
            yield KnownPackage(
                name.lower(), architecture, _shown(version), wanted, flag, is_in, fields.get("Provides", "")
            )


def _shown(version: str) -> str:
    """Give a version as dpkg shows it: without an epoch that is nothing."""
    match = _EPOCH.fullmatch(version)
    if match is None:
        return version
    return f"{int(match[1])}:{match[2]}" if int(match[1]) else match[2]


def refusal(database: DpkgDatabase) -> str:
    """Give what this machine's dpkg says where it cannot read a database; nothing where it can."""
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        for name in ("updates", "info"):
            (Path(folder) / name).mkdir()
        (Path(folder) / "status").write_bytes(database.status)
        if database.arch:
            (Path(folder) / "arch").write_bytes(database.arch)
        for name, content in database.updates.items():
            (Path(folder) / "updates" / name).write_bytes(content)
        done = run(["dpkg-query", f"--admindir={folder}", "--show", "--showformat= "], timeout=LIMIT, check=False)
        said = done.stderr.rpartition("dpkg-query: error: ")[2].replace(folder, FOLDER)
    return " ".join(said.split()) if done.returncode > 1 else ""
