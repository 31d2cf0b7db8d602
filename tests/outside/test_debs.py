"""Reading a package file."""

from pathlib import Path

import pytest
from tests.support.debs import make_deb

from package_cache.outside.packages.debs import control_text
from package_cache.values.errors import VerificationError


def test_control_paragraph(tmp_path: Path) -> None:
    deb = make_deb(tmp_path, "tool", "1:2.0+a~b-1", "amd64", depends="lib (>= 1), other | third")
    lines = control_text(deb).splitlines()
    assert "Package: tool" in lines
    assert "Version: 1:2.0+a~b-1" in lines
    assert "Depends: lib (>= 1), other | third" in lines


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    deb = make_deb(tmp_path, "tool")
    deb.write_bytes(deb.read_bytes()[:100])
    with pytest.raises(VerificationError, match=r"cannot read .*tool_1\.0_all\.deb as a package"):
        control_text(deb)
