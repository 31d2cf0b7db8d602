"""Names, systems and URIs are taken as Debian writes them; nothing else gets through to a shell, apt or a folder."""

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from package_cache.names import ARCHITECTURE, GROUP_NAME, PACKAGE_NAME, VERSION, PackageRequest
from package_cache.system import SYSTEM_NAME, System
from package_cache.uris import URI

REAL = [
    "openssh-server", "g++", "libstdc++6:i386", "0ad", "libc6=2.27-3ubuntu1.6", "vim=2:9.0.1378-2+deb12u2",
    "openssl:amd64=1.1.1~~pre9-1", "vendor_tool", "x", "tzdata=2024a-0+deb12u1", "a.b=1.0-rc-2-1", "x=1:2:3",
    "docker-ce=5:20.10.9~3-0~ubuntu-focal", "linux-image-5.4.0-42-generic=5.4.0-42.46~18.04.1",
]  # fmt: skip


def test_real_requests_are_read_and_written_the_same() -> None:
    assert [str(PackageRequest.parse(text)) for text in REAL] == REAL
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


def test_names_of_groups() -> None:
    names = ["ssh", "0", "a.b", "c++", "nfs_4-x", "a" * 64]
    others = ["", ".", "..", "-a", "_a", "A", "a/b", "a b", "a\n", "é", "a" * 65, "a;b", "$a"]
    assert [name for name in (*names, *others) if GROUP_NAME.fullmatch(name)] == names


@pytest.mark.parametrize("pattern", [GROUP_NAME, PACKAGE_NAME, VERSION, ARCHITECTURE])
@given(data=st.data())
def test_no_shell_sees_more_than_a_word(pattern: re.Pattern[str], data: st.DataObject) -> None:
    text = data.draw(st.from_regex(pattern, fullmatch=True))
    assert shlex.split(text) == [text]
    assert not {*"$`\\\"'*?[]{}()<>|&;#!\n\t /"} & set(text)


URIS = [
    "http://host/path", "https://host:8443/a%20b/", "file:/srv/archive", "file:///srv/archive", "copy:/srv/archive",
    "tor+http://host/path", "http://[::1]/path", "http://[fe80::1.2.3.4]:8080/path", "s3://bucket/a+b~c",
]  # fmt: skip
NO_URIS = [
    "", "host/path", "file:archive", "cdrom:[a disc]/", "mirror+file:/list", "mirror://host/list", "http://host/a b",
    "http://host/a\n", "http://host/[a]", "http://[::1", "-o/Dir::Etc=/", "http://host/'", 'http://host/"', "http:/",
]  # fmt: skip


def test_uris_of_mirrors_and_what_is_none() -> None:
    assert [text for text in (*URIS, *NO_URIS) if URI.fullmatch(text)] == URIS


@pytest.mark.parametrize(
    ("name", "distribution", "version"),
    [("ubuntu16.04", "ubuntu", "16.04"), ("debian12", "debian", "12"), ("linuxmint21.3", "linuxmint", "21.3")],
)
def test_names_of_os_releases(name: str, distribution: str, version: str) -> None:
    system = System.parse(name)
    assert system == System(distribution, version, "amd64")
    assert (system.name, str(system)) == (name, f"{name} amd64")


@pytest.mark.parametrize(
    "name",
    ["", "ubuntu", "18.04", "Ubuntu18.04", "ubuntu-18.04", "ubuntu 18.04", "ubuntu18.", "ubuntu18..04", "bionic\n",
     "ubuntu18.04\n", "ubuntu18.04/..", "ubuntu١٨"],
)  # fmt: skip
def test_what_is_no_os_release_is_refused_with_what_to_write(name: str) -> None:
    with pytest.raises(ValueError, match=r": write one like ubuntu18\.04 or debian12$"):
        System.parse(name)


@given(st.from_regex(GROUP_NAME, fullmatch=True), st.from_regex(SYSTEM_NAME, fullmatch=True))
def test_a_groups_folder_names_exactly_one_group_and_system(group: str, system: str) -> None:
    """The cache names folders `<group>-<system>`: no two pairs may share one, whatever hyphens a group has."""
    assert f"{group}-{system}".rpartition("-")[::2] == (group, system)
