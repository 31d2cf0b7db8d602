"""Reading a package file."""

from pathlib import Path

import pytest
from tests.support.debs import make_deb

from package_cache.deb.control import SPACE, control_text, control_with_space
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
