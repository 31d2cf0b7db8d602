"""Whatever is in dpkg's files, what is read of them is what dpkg itself reads there, where it can read them at all."""

import subprocess
import tempfile
from pathlib import Path
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.counts import Tried
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import bounded
from tests.fuzz.odd_databases import odd_paragraph
from tests.fuzz.strategies import made_by, of_text

from package_cache.outside.packages.dpkg_database import DpkgDatabase, make_database
from package_cache.values.names import ARCHITECTURE

STATUS = """\
Package: dpkg
Status: install ok installed
Priority: required
Architecture: amd64
Version: 1.19.0.5ubuntu2
Description: package management
 .
 of Debian

Package: libc6
Status: hold ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.27-3ubuntu1
Provides: libc, libc-dev (= 2.27)
Conffiles:
 /etc/ld.so.conf 0123456789abcdef0123456789abcdef

Package: half
Status: install reinstreq half-installed
Architecture: all
Version: 1:2.0~rc1-1

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 3

Package: never
Status: unknown ok not-installed
Architecture: amd64
"""
FORM = "${Package}\x1f${Architecture}\x1f${Version}\x1f${Status}\x1e"
"""Between signs that no document has: a value may have several lines."""

Row = tuple[str, ...]


def odd_paragraphs(random: Random) -> bytes:
    """Give a file of packages with one or two things wrong in each."""
    return b"".join(odd_paragraph(random) for _ in range(random.randint(1, 4)))


def edited(old: str, new: str) -> bytes:
    """Give the file with something else in one place."""
    assert old in STATUS
    return STATUS.replace(old, new, 1).encode()


@fuzzed("status")
@example(content=STATUS.encode())
@example(content=STATUS.replace("\n", "\r\n").encode())
@example(content=edited("Package: dpkg", "package: dpkg"))
@example(content=edited("Status: install", "status:install"))
@example(content=edited("Package: dpkg", "Package : dpkg"))
@example(content=edited("\n\nPackage: half", "\n \t\nPackage: half"))
@example(content=edited("Version: 3\n", "Version: 3\nVersion: 4\n"))
@example(content=edited("Version: 3\n", f"Version: 3\nDescription: {'a' * 3_000_000}\n"))
@example(content=edited("Version: 3\n", "Version: 3\nArchitecture: i386\n"))
@example(content=STATUS.encode() + b"\n" + STATUS.encode())
@example(content=b"\xff" + STATUS.encode())
@example(content=(STATUS.encode() + b"\n") * 3000)
@given(content=st.one_of(of_text(STATUS), made_by(odd_paragraphs)))
def test_status(tried: Tried, content: bytes) -> None:
    tried("status")
    with bounded():
        database = make_database(content)
    for item in database.packages:
        database.of(item.name)
        item.provides_name("libc")
    assert database.architecture is None or ARCHITECTURE.fullmatch(database.architecture)
    by_dpkg = None if b"\x1a" in content else read_by_dpkg(content)  # for dpkg that is an end of a file, or of a line
    if by_dpkg is not None:
        assert whole(database) == by_dpkg


@fuzzed("status")
@given(
    arch=of_text("amd64\ni386\narm64\n"),
    marks=of_text("Package: a\nAuto-Installed: 1\n\n"),
    updates=st.binary(max_size=9),
)
def test_other_files(tried: Tried, arch: bytes, marks: bytes, updates: bytes) -> None:
    tried("status")
    database = make_database(STATUS.encode(), updates={"0001": updates}, arch=arch, marks=marks)
    assert all(ARCHITECTURE.fullmatch(name) for name in database.architectures)


def whole(database: DpkgDatabase) -> set[Row]:
    """Give the packages that count as installed."""
    return {
        (item.name, item.architecture, item.version, f"{item.wanted} {item.flag} {item.state}")
        for item in database.packages
        if item.is_whole
    }


def read_by_dpkg(content: bytes) -> set[Row] | None:
    """Give what this machine's dpkg reads; None where it refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("updates", "info"):
            (Path(folder) / name).mkdir()
        (Path(folder) / "status").write_bytes(content)
        argv = ["dpkg-query", f"--admindir={folder}", "--show", f"--showformat={FORM}"]
        done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode != 0:
        return None
    rows = [tuple(row.split("\x1f")) for row in done.stdout.decode("utf-8", "replace").split("\x1e")[:-1]]
    return {row for row in rows if row[-1] in ("install ok installed", "hold ok installed")}
