"""Control files of packages, by dpkg's own reader, become an index that says of each package what we say, and once."""

import io
import re
import tarfile
from pathlib import Path

import pytest
from tests.fuzz.documents import CONTROL, controls, digest
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import bounded
from tests.support.debs import ar_of

from package_cache.cache.group_index import IndexedPackage, group_files, indexed
from package_cache.cache.pool_index import StoredFile
from package_cache.deb.control import control_text
from package_cache.errors import VerificationError
from package_cache.exit_codes import ExitStatus
from package_cache.lock.model import LockedGroup, LockedPackage
from package_cache.names import PACKAGE_NAME

TOOL = LockedPackage("tool", "2.0~rc1+dfsg-1", "all", 1, digest(1), "r", "p")
GOOD = LockedPackage("good", "1", "all", 2, digest(2), "r", "p")
TOOL_FILE, GOOD_FILE = StoredFile(digest(3), 3), StoredFile(digest(2), 2)
GOOD_TEXT = "Package: good\nVersion: 1\nArchitecture: all\nMaintainer: N <n@example.invalid>\nDescription: good\n"
OWN = ("Filename", "Size", "SHA256")


@fuzzed(
    "control files",
    CONTROL.encode(),
    CONTROL.replace("24", "9" * 5000).encode(),
    CONTROL.replace("24", "٣").encode(),
    CONTROL.replace("Section: misc", "Filename: ../../pwned\nSHA256: 0\nsize: 0").encode(),
    f"{CONTROL}\nPackage: other\nVersion: 1\nArchitecture: all\n".encode(),
    f"# a comment\n{CONTROL}".encode(),
    content=controls,
)
def test_control(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "package.deb"
    path.write_bytes(ar_of({"debian-binary": b"2.0\n", "control.tar": _tar(content), "data.tar": _tar(None)}))
    try:
        with bounded():
            text = control_text(path)
            packages = [indexed(TOOL, TOOL_FILE, text), indexed(GOOD, GOOD_FILE, GOOD_TEXT)]
            files = group_files({"amd64": (LockedGroup("g", ("good",), ()), packages)})
    except VerificationError as error:
        assert error.status is ExitStatus.NOT_VERIFIED
        assert str(path) in str(error) or TOOL.key in str(error)
    else:
        check_packages(files["Packages"].decode(), packages)
        check_group(files["amd64.group"].decode())


def test_a_file_of_another_package_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"cannot use the package tool_.*: its file is of 'good 1 all'"):
        indexed(TOOL, TOOL_FILE, GOOD_TEXT)


def _tar(control: bytes | None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        if control is not None:
            member = tarfile.TarInfo("./control")
            member.size = len(control)
            tar.addfile(member, io.BytesIO(control))
    return stream.getvalue()


def check_packages(text: str, packages: list[IndexedPackage]) -> None:
    """Check that each package has its paragraph, in which each field that is ours stands once and is right."""
    paragraphs = text.split("\n\n")
    assert len(paragraphs) == len(packages)
    expected = {f"pool/{item.stored.sha256}.deb" for item in packages}
    for paragraph in paragraphs:
        lines = [line for line in paragraph.split("\n") if line.lower().startswith(tuple(f"{f.lower()}:" for f in OWN))]
        assert [line.partition(":")[0] for line in lines] == list(OWN)
        expected.remove(lines[0].removeprefix("Filename: "))
    assert not expected


def check_group(text: str) -> None:
    """Check that the installer can read it."""
    lines = text.split("\n")
    assert lines[0] == "format 1"
    size = lines[1].removeprefix("installed-kib ")
    assert size.isascii()
    assert size.isdigit()
    rest = [line for line in lines[2:-2] if not re.fullmatch(r"installed-kib [0-9]+ /usr|probe [0-9a-f]{64}", line)]
    assert rest[0] == "package good"
    assert lines[-2:] == ["end", ""]
    for line in rest[1:]:
        key, _, name = line.partition(" ")
        assert key == "pre-dependency"
        assert PACKAGE_NAME.fullmatch(name)
