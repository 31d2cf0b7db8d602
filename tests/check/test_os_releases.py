"""What os-release of an image, or of a root, says decides whether a group for Ubuntu 18.04 is for it.

The files are written from facts: the fields that decide are those that the distribution's own file has.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.check.layouts import HandMade, base, write_root
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.cache.layout import CacheFolder
from package_cache.check.prediction import check
from package_cache.check.target import seen_in_files
from package_cache.check.verdict import Prediction
from package_cache.oci.reader import source_image
from package_cache.oci.system_files import RootFiles

ETC, LIB = "etc/os-release", "usr/lib/os-release"
FALLBACK = "use the fallback of this image"


@dataclass(frozen=True)
class Row:
    """Files by their paths, as in `layouts.Tree`, and the cause and next step of the miss; none where it is matched."""

    files: dict[str, str]
    cause: str = ""
    step: str = ""


def _text(*lines: str, end: str = "\n") -> dict[str, str]:
    return {ETC: "".join(line + end for line in lines)}


def _derived(*lines: str, name: str, like: str = "") -> Row:
    derived = f", a derivative (ID_LIKE={like}) with packages of its own" if like else ""
    return Row(_text(*lines), f"the group plain is not for {name}{derived}; it is for: ubuntu18.04", FALLBACK)


def _other(*lines: str, name: str) -> Row:
    step = f"add {name} to the group in the manifest and build again"
    return Row(_text(*lines), f"the group plain is not for {name}; it is for: ubuntu18.04", step)


def _unclear(why: str, files: dict[str, str], file: str = "/etc/os-release") -> Row:
    return Row(files, f"{file} does not say which OS release this is: {why}", FALLBACK)


UBUNTU = ("ID=ubuntu", 'VERSION_ID="18.04"')
NO_VERSION = "it has no VERSION_ID, as where a release is still being made (testing, unstable)"
SIGNS = "has characters other than a-z 0-9 . _"

ROWS: dict[str, Row] = {
    "Ubuntu": Row(_text('NAME="Ubuntu"', 'VERSION="18.04.6 LTS (Bionic Beaver)"', "ID=ubuntu", "ID_LIKE=debian",
                        'VERSION_ID="18.04"', "VERSION_CODENAME=bionic", "UBUNTU_CODENAME=bionic")),
    "a vendor's image, like DGX OS": Row(_text('NAME="Ubuntu"', "ID=ubuntu", "ID_LIKE=debian", 'VERSION_ID="18.04"',
                                              'VARIANT="DGX"', 'DGX_NAME="DGX Server"', 'BUILD_ID="a=b ID=x"')),
    "single quotes, blanks, comments": Row(_text("# ID=debian", "", "  ID='ubuntu'  ", "\tVERSION_ID='18.04'", "x")),
    "line ends of DOS": Row(_text(*UBUNTU, "ID_LIKE=debian", end="\r\n")),
    "no line end at its end": Row({ETC: "\n".join(UBUNTU)}),
    "a field twice: the last counts": Row(_text("ID=debian", *UBUNTU)),
    "a link": Row({ETC: f"-> ../{LIB}", LIB: "\n".join(UBUNTU)}),
    "an absolute link": Row({ETC: f"-> /{LIB}", LIB: "\n".join(UBUNTU)}),
    "only where systems have it": Row({LIB: "\n".join(UBUNTU)}),
    "a link that leads nowhere": Row({ETC: "-> nothing", LIB: "\n".join(UBUNTU)}),
    "another release": _other("ID=ubuntu", "ID_LIKE=debian", 'VERSION_ID="20.04"', name="ubuntu20.04"),
    "Debian": _other("ID=debian", 'VERSION_ID="12"', "DEBIAN_VERSION_FULL=12.5", name="debian12"),
    "a point release": _other("ID=debian", 'VERSION_ID="12.5"', name="debian12.5"),
    "Linux Mint": _derived("ID=linuxmint", 'ID_LIKE="ubuntu debian"', 'VERSION_ID="19.3"', "UBUNTU_CODENAME=bionic",
                           name="linuxmint19.3", like="ubuntu debian"),
    "Pop!_OS": _derived("ID=pop", 'ID_LIKE="ubuntu debian"', 'VERSION_ID="18.04"', "UBUNTU_CODENAME=bionic",
                        name="pop18.04", like="ubuntu debian"),
    "elementary OS": _derived("ID=elementary", "ID_LIKE=ubuntu", 'VERSION_ID="5.1.7"', "UBUNTU_CODENAME=bionic",
                              name="elementary5.1.7", like="ubuntu"),
    "Raspbian": _derived("ID=raspbian", "ID_LIKE=debian", 'VERSION_ID="12"', "VERSION_CODENAME=bookworm",
                         name="raspbian12", like="debian"),
    "Kali": _derived("ID=kali", 'VERSION_ID="2023.4"', "VERSION_CODENAME=kali-rolling", 'ID_LIKE="debian"',
                     name="kali2023.4", like="debian"),
    "Devuan, which does not say what it is like": _derived("ID=devuan", 'VERSION_ID="1"', name="devuan1"),
    "what it is like is shell": _derived("ID=mine", "ID_LIKE=$(touch /var/owned)", "VERSION_ID=1", name="mine1"),
    "Debian testing and unstable": _unclear(NO_VERSION, _text('PRETTY_NAME="Debian GNU/Linux forky/sid"', "ID=debian",
                                                              "VERSION_CODENAME=forky")),
    "a version without a name": _unclear("it has no ID", _text('VERSION_ID="18.04"')),
    "capitals": _unclear(f"its ID {SIGNS}", _text("ID=Ubuntu", 'VERSION_ID="18.04"')),
    "a hyphen": _unclear(f"its ID {SIGNS}", _text("ID=ubuntu-core", "VERSION_ID=18")),
    "a comment behind it": _unclear(f"its VERSION_ID {SIGNS}", _text("ID=ubuntu", 'VERSION_ID="18.04" # Bionic')),
    "quotes within": _unclear(f"its ID {SIGNS}", _text('ID=ub"un"tu', "VERSION_ID=18.04")),
    "a quote without its other half": _unclear(f"its VERSION_ID {SIGNS}", _text("ID=ubuntu", 'VERSION_ID="18.04')),
    "a blank before the sign": _unclear("it has no ID", _text("ID =ubuntu", "VERSION_ID=18.04")),
    "shell": _unclear(f"its VERSION_ID {SIGNS}", _text("ID=ubuntu", "VERSION_ID=$(touch /var/owned)")),
    "export": _unclear("it has no ID", _text("export ID=ubuntu", "export VERSION_ID=18.04")),
    "empty, whatever the other file has": _unclear("it has no ID", {ETC: "", LIB: "\n".join(UBUNTU)}),
    "none": _unclear("it is not there", {}, "/usr/lib/os-release"),
}  # fmt: skip


@pytest.fixture
def plain(tmp_path: Path) -> CacheFolder:
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("plain", ["plain"], [make_deb(tmp_path / "debs", "plain")])
    return CacheFolder(cache.path)


def _write(root: Path, files: dict[str, str]) -> None:
    for name in (ETC, LIB):
        (root / name).unlink(missing_ok=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            (root / name).symlink_to(text[3:])
        else:
            (root / name).write_bytes(text.encode())


@pytest.mark.parametrize("name", ROWS)
def test_a_system_is_matched_or_refused_with_the_reason(name: str, plain: CacheFolder, layout: HandMade) -> None:
    row = ROWS[name]
    root = write_root(layout.folder.with_name("root"))
    _write(root, row.files)
    below = {name: content for name, content in base().items() if name not in (ETC, LIB)}
    with source_image(layout.named(below, row.files)) as image:
        for seen in (seen_in_files("an image", image.files()), seen_in_files("a root", RootFiles(root))):
            (verdict,) = check(["plain"], plain, seen).verdicts
            assert (verdict.message, verdict.next_step) == (row.cause, row.step)
            assert verdict.status.code == (11 if row.cause else 0)
            assert verdict.prediction is (Prediction.MISS if row.cause else Prediction.HIT)
    assert not Path("/var/owned").exists()
