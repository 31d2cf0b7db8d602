"""The licences that packages name themselves."""

from pathlib import Path

import pytest
from tests.support.debs import make_deb

from package_cache.deb.copyrights import licences_of

HEAD = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"


def licences(folder: Path, text: str | bytes) -> tuple[str, ...]:
    return licences_of(make_deb(folder, "tool", files={"/usr/share/doc/tool/copyright": text}), "tool")


def test_each_is_named_once_in_order(tmp_path: Path) -> None:
    text = "Files: *\nCopyright: x\nLicense: GPL-2+ and   Expat\n The text.\n\n"
    text += "Files: a\nCopyright: x\nLicense: Apache-2.0\n\nLicense: Apache-2.0\n The text.\n"
    assert licences(tmp_path, HEAD + text) == ("Apache-2.0", "GPL-2+ and Expat")


@pytest.mark.parametrize(
    "text",
    [
        "This package is free.\n",
        "",
        HEAD,
        HEAD + "Files: *\nCopyright: x\nLicense:\n",
        HEAD + "Files:\nCopyright:\nLicense\n\n\n: x",
        "Format: \xff\n\nFiles: *\n",
        b"\xff\xfe\x00\n\x00",
        "Format: x\nFiles: *\n\n\n\n-----\n" * 50,
    ],
)
def test_what_a_machine_cannot_read_names_none(tmp_path: Path, text: str | bytes) -> None:
    assert licences(tmp_path, text) == ()


def test_a_link_a_large_file_and_no_file_name_none(tmp_path: Path) -> None:
    assert licences_of(make_deb(tmp_path, "tool"), "tool") == ()
    assert licences(tmp_path, HEAD + "Files: *\nCopyright: x\nLicense: GPL-2+\n" + " x\n" * 2_000_000) == ()
    (tmp_path / "broken.deb").write_bytes(b"no package")
    assert licences_of(tmp_path / "broken.deb", "tool") == ()
