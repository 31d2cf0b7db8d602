"""The seed's file is accepted as people write it: comments, blanks, Windows line ends, commas in the shell."""

import pytest
from tests.manifest.conftest import problems, read

from package_cache.manifest.model import Group, Place

NAME = "package_cache_info"
SEED = """\
# group_name, os, packages(space-gapped)
# "#" can be used for comments
ssh,ubuntu16.04,openssh-client openssh-server
ssh,ubuntu18.04,openssh-client openssh-server
nfs,ubuntu16.04,nfs-common
nfs,ubuntu18.04,nfs-common
"""

Row = tuple[str, str, list[str], str | None]


def rows(text: str | bytes) -> list[Row]:
    return [row(group) for group in read(text, NAME).groups]


def row(group: Group) -> Row:
    requests = [str(package.request) for package in group.packages]
    return group.name, group.distribution + group.version, requests, group.precommands


def test_the_seeds_own_file() -> None:
    ssh = ["openssh-client", "openssh-server"]
    assert rows(SEED) == [
        ("ssh", "ubuntu16.04", ssh, None),
        ("ssh", "ubuntu18.04", ssh, None),
        ("nfs", "ubuntu16.04", ["nfs-common"], None),
        ("nfs", "ubuntu18.04", ["nfs-common"], None),
    ]


def test_what_the_columns_cannot_say_has_the_defaults() -> None:
    manifest = read("ssh,ubuntu18.04,openssh-server", NAME)
    group = manifest.groups[0]
    assert (group.architectures, group.recommends, group.provides, group.size_budget) == (("amd64",), False, (), None)
    assert (manifest.repositories, manifest.mirrors) == ((), {})


@pytest.mark.parametrize(
    "written",
    [
        SEED.removesuffix("\n"),
        SEED.replace("\n", "\r\n"),
        "\ufeff" + SEED,
        "\n\n  \t\n" + SEED.replace("\n", "\n\n   # indented\n"),
        SEED.replace(",", "  ,\t").replace("openssh-client ", "  openssh-client \t  "),
        SEED.replace("common\n", "common,\n"),
        SEED.replace("common\n", "common,   \n"),
    ],
    ids=["no final newline", "Windows", "byte order mark", "blank lines", "blanks", "empty last column", "blank last"],
)
def test_the_same_however_it_is_written(written: str) -> None:
    assert rows(written) == rows(SEED)


def test_precommands_are_everything_after_the_third_comma() -> None:
    shell = "echo 'deb [arch=amd64,i386] x y' > /l # , not a comment && printf '%s,' \"a  b\""
    assert rows(f"t,debian12,tool, {shell} \r\n") == [("t", "debian12", ["tool"], shell)]


@pytest.mark.parametrize("more", ["ca-certificates", "ca-certificates, jq", "jq,git,wget"])
def test_a_comma_between_packages_makes_no_precommand(more: str) -> None:
    told = f"{NAME}:1:19: {more!r} stands where precommands do -> separate packages with spaces"
    assert problems(f"web,debian12,curl,{more}\n", NAME) == [told]


def test_requests_keep_architecture_and_version() -> None:
    requests = "libc6:i386 g++=4:12.2.0-3 vim=2:9.0.1378-2+deb12u2 a.b=1~rc1+dfsg-1"
    assert rows(f"t,debian12,{requests}\n")[0][2] == requests.split()


def test_places_are_those_an_editor_shows() -> None:
    group = read("# é\n  ssh , ubuntu18.04 ,  openssh-client  openssh-server\n", NAME).groups[0]
    assert group.place == Place("package_cache_info", 2, 9)
    assert [package.place.column for package in group.packages] == [24, 40]


PACKAGE = "write lower-case letters, digits and + - . without wildcards"


def test_all_problems_at_once_in_the_order_of_the_lines() -> None:
    text = (
        "ssh,ubuntu18.04,openssh-client OpenSSH-Server\n"
        "ssh,ubuntu18.04,bash bash=5.1 # why\n"
        "My Group , Ubuntu-16.04 ,\n"
        "nfs;ubuntu18.04;nfs-common\n"
        ",bionic,g;+ foo- b=:\n"
    )
    shape = " -> write: group,system,packages with spaces between them[,precommands]"
    at = f"{NAME}:"
    assert problems(text, NAME) == [
        f"{at}1:32: 'OpenSSH-Server' is not a package name -> write openssh-server",
        f"{at}2:5: group 'ssh' for ubuntu18.04 is there already, on line 1 -> put all its packages on one line",
        f"{at}2:22: package 'bash' is there already, on this line -> leave one of them out",
        f"{at}2:31: a comment stands behind packages -> give it a line of its own",
        f"{at}3:1: 'My Group' is not a name for a group"
        " -> write at most 64 of a-z 0-9 + - . _, a letter or digit first, such as my-group",
        f"{at}3:12: 'Ubuntu-16.04' is not an OS release -> write ubuntu16.04",
        f"{at}3:26: the list of packages is empty{shape}",
        f"{at}4:1: has 1 of at least 3 columns{shape}",
        f"{at}5:1: the group's name is empty{shape}",
        f"{at}5:2: 'bionic' is not an OS release -> write one like ubuntu18.04 or debian12",
        f"{at}5:9: 'g;+' is not a package name -> {PACKAGE}",
        f"{at}5:13: 'foo-' would have apt remove a package -> write foo",
        f"{at}5:18: ':' is not a version -> write one like b=1:2.3-4",
    ]


@pytest.mark.parametrize("sign", ["\r", "\x1b", "\x0c", "\x0b"])
def test_a_control_character_is_named_and_breaks_no_line(sign: str) -> None:
    told = f"{NAME}:1:21: holds the control character {sign!r} -> leave it out"
    assert problems(f"a,debian12,bash,echo{sign}b\nb,debian12,bash\n", NAME) == [told]
