"""Reading a package file, and the licences that it names itself."""

from pathlib import Path

import pytest
from tests.support.debs import make_deb

from package_cache.deb.control import SPACE, control_text, control_with_space
from package_cache.deb.copyrights import licences_of
from package_cache.errors import VerificationError


def test_control_paragraph(tmp_path: Path) -> None:
    deb = make_deb(tmp_path, "tool", "1:2.0+a~b-1", "amd64", depends="lib (>= 1), other | third")
    lines = {"Package: tool", "Version: 1:2.0+a~b-1", "Depends: lib (>= 1), other | third"}
    assert lines <= {*control_text(deb).splitlines()}


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    deb = make_deb(tmp_path, "tool")
    deb.write_bytes(deb.read_bytes()[:100])
    with pytest.raises(VerificationError, match=r"cannot read .*tool_1\.0_all\.deb as a package"):
        control_text(deb)


def test_where_the_files_of_a_package_lie(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "/usr/lib/tool/large": bytes(10_000), "/usr/lib/tool/small": "x", "/usr/bin/tool": "",
        "/opt/vendor/a/b/c": bytes(4096), "/etc/tool/tool.conf": "x", "/odd name/$(touch x)": bytes(8192), "/top": "x",
    }  # fmt: skip
    deb = make_deb(tmp_path, "tool", files=files, Installed_Size_In="/usr 99999999")
    (line,) = [line for line in control_with_space(deb).splitlines() if line.lower().startswith(SPACE.lower())]
    sizes = dict(part.split(" ") for part in line.removeprefix(f"{SPACE}: ").split(", "))
    # With each folder itself, in the one above it: a block.
    assert {place: int(size) for place, size in sizes.items()} == {
        "/": 6 * 4 + 8, "/etc": 4 + 4, "/opt": 4, "/opt/vendor": 4 + 2 * 4, "/usr": 2 * 4, "/usr/bin": 4,
        "/usr/lib": 12 + 4 + 4,
    }  # fmt: skip


def test_a_content_that_is_cut_short_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    deb = make_deb(tmp_path, "tool", files={"/usr/lib/large": bytes(100_000)}, compression="none")
    content = deb.read_bytes()
    deb.write_bytes(content[: len(content) - 90_000])
    assert control_with_space(deb).startswith(control_text(deb))


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
