"""Names are taken as Debian writes them, and nothing else gets through to a shell, apt or a folder."""

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from package_cache.names import ARCHITECTURE, GROUP_NAME, PACKAGE_NAME, VERSION, PackageRequest

REAL = [
    "openssh-server",
    "g++",
    "libstdc++6:i386",
    "0ad",
    "libc6=2.27-3ubuntu1.6",
    "vim=2:9.0.1378-2+deb12u2",
    "openssl:amd64=1.1.1~~pre9-1",
    "vendor_tool",
    "x",
    "tzdata=2024a-0+deb12u1",
    "a.b=1.0-rc-2-1",
    "x=1:2:3",
    "docker-ce=5:20.10.9~3-0~ubuntu-focal",
    "linux-image-5.4.0-42-generic=5.4.0-42.46~18.04.1",
]


@pytest.mark.parametrize("text", REAL)
def test_real_requests_are_read_and_written_the_same(text: str) -> None:
    assert str(PackageRequest.parse(text)) == text


def test_the_parts_of_a_request() -> None:
    assert PackageRequest.parse("libc6:i386=1:2.27-3") == PackageRequest("libc6", "i386", "1:2.27-3")
    assert PackageRequest.parse("libc6") == PackageRequest("libc6")


@pytest.mark.parametrize(
    "text",
    [
        "", "-y", "--foo", "+ab", "Ab", "a b", "a;b", "a$(b)", "../ab", "ab/stable", "ab\n", "ab^", "ab*", "ab-",
        "äb", "ab:", "ab:AMD64", "ab:amd64:i386", "ab=", "ab=x", "ab=1 2", "ab=1-", "ab=1:", "ab=:1", "ab=1=2",
        "ab=1_2", "ab=1:2:", "ab=\u0661", "ab=1\n", "./ab.deb", "ab:any", "ab:native", "ab:all", "ab:linux-any",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r": (write|package names are) "):
        PackageRequest.parse(text)


@pytest.mark.parametrize("name", ["ssh", "0", "a.b", "c++", "nfs_4-x", "a" * 64])
def test_names_of_groups(name: str) -> None:
    assert GROUP_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "_a", "A", "a/b", "a b", "a\n", "é", "a" * 65, "a;b", "$a"])
def test_what_is_no_name_of_a_group(name: str) -> None:
    assert not GROUP_NAME.fullmatch(name)


@pytest.mark.parametrize("pattern", [GROUP_NAME, PACKAGE_NAME, VERSION, ARCHITECTURE])
@given(data=st.data())
def test_no_shell_sees_more_than_a_word(pattern: re.Pattern[str], data: st.DataObject) -> None:
    text = data.draw(st.from_regex(pattern, fullmatch=True))
    assert shlex.split(text) == [text]
    assert not {*"$`\\\"'*?[]{}()<>|&;#!\n\t /"} & set(text)
