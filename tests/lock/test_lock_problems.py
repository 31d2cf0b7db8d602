"""A lock that was edited, cut off or merged wrongly is refused with every problem, its field named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from package_cache.errors import LockError
from package_cache.exit_codes import ExitStatus
from package_cache.lock.file import read_lock

HEAD = 'format = 1\nmanifest = "package_cache_info"\nmanifest-digest = "sha256:00"\n'
SYSTEM = '[[system]]\nname = "ubuntu18.04"\narchitecture = "amd64"\n'
REPOSITORY = '[[system.repository]]\nname = "ubuntu"\n'
IMAGE = '[[system.image]]\nname = "job"\nroot = "../job"\n'
GROUP = '[[system.group]]\nname = "ssh"\nrequests = ["openssh-server"]\npackages = ["ab_1:2_all"]\n'
SET = '[[system.group.image]]\nname = "job"\npackages = ["ab_1:2_all"]\n'
OTHER_SET = SET.replace("2_all", "3_all")
PACKAGE = f"""\
[[system.package]]
name = "ab"
version = "1:2"
architecture = "all"
size = 3
sha256 = "{"0" * 64}"
repository = "ubuntu"
path = "pool/ab.deb"
"""
WHOLE = HEAD + SYSTEM + REPOSITORY + IMAGE + GROUP + SET + PACKAGE


def problems(text: str) -> list[str]:
    with pytest.raises(LockError) as caught:
        read_lock(text, file="l")
    assert caught.value.status is ExitStatus.BAD_LOCK
    assert caught.value.hint == "lock again: package-cache lock"
    return [str(problem) for problem in caught.value.problems]


def test_the_lock_that_the_others_are_made_from_is_right() -> None:
    lock = read_lock(WHOLE, file="l")
    assert [package.key for package in lock.systems[0].packages] == ["ab_1:2_all"]


BESIDE = '"ubuntu"\n[[system.i'
"""Where the fields of the repository end."""


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (GROUP, f'{GROUP}companions = ["ab_1:3_all"]\n', "system[0].group[0].companions[0]: there is no package"),
        ("size = 3", 'size = 3\nsource = "a b"', "system[0].package[0].source: 'a b' is not a source package"),
        ("format = 1", "format = 2", "format: has format 2, and this program reads 1"),
        ("format = 1", "format = true", "format: has format True, and this program reads 1"),
        ("format = 1\n", "", "format: has format None, and this program reads 1"),
        ("sha256:00", "", "manifest-digest: must be a text that is not empty"),
        ('"ubuntu18.04"', '"bionic"', "system[0].name: 'bionic' is not an OS release: write one like ubuntu18.04"),
        ('= "amd64"', '= "x_86"', "system[0].architecture: 'x_86' is not an architecture"),
        (BESIDE, '"ubuntu"\nuri = 3\n[[system.i', "system[0].repository[0].uri: must be a text"),
        ('"ubuntu"\n[[system.i', '"ubuntu"\nuri = "a b"\n[[system.i', "system[0].repository[0].uri: 'a b' is not"),
        (BESIDE, '"ubuntu"\nuri = "-o"\n[[system.i', "system[0].repository[0].uri: '-o' is not"),
        (IMAGE, IMAGE + IMAGE.replace('"job"', '"../job"'), "system[0].image[1].name: '../job' is not an image's name"),
        ('root = "', 'reference = "oci:a"\nroot = "', "system[0].image[0].root: it has a reference already"),
        ('"job"\npack', '"other"\npack', "system[0].group[0].image[0].name: there is no image 'other' in this system"),
        (SET, OTHER_SET, "system[0].group[0].image[0].packages[0]: there is no package 'ab_1:3_all'"),
        (IMAGE, IMAGE * 2, "system[0].image[1]: image 'job' is there already"),
        (SET, SET * 2, "system[0].group[0].image[1]: image 'job' is there already"),
        ('["openssh-server"]', "[]", "system[0].group[0].requests: must name at least one package"),
        ('"ssh"', '"../ssh"', "system[0].group[0].name: '../ssh' is not a group's name"),
        ('["openssh-server"]', '["a b"]', "system[0].group[0].requests[0]: 'a b' is not a package name"),
        ('["openssh-server"]', '"a"', "system[0].group[0].requests: must be a list of texts"),
        ('"ab_1:2_all"', '"cd_1_all"', "system[0].group[0].packages[0]: there is no package 'cd_1_all'"),
        ("packages =", 'provides = ["x"]\npackages =', "system[0].group[0].provides[0]: 'x' is not the path"),
        ("packages =", 'recommends = "no"\npackages =', "system[0].group[0].recommends: must be true or false"),
        ("size = 3", "size = 0", "system[0].package[0].size: must be a number of bytes"),
        ("size = 3", "size = true", "system[0].package[0].size: must be a number of bytes"),
        ("0" * 64, "0" * 63, "system[0].package[0].sha256: '000"),
        ('"pool/', '"/pool/', "system[0].package[0].path: must lie below the repository"),
        ('"pool/', '"pool/../../', "system[0].package[0].path: must lie below the repository"),
        ('"pool/', '"pool/\\n', "system[0].package[0].path: must not hold control characters"),
        ('repository = "ubuntu"', 'repository = "r"', "system[0].package[0].repository: there is no repository 'r'"),
        (SYSTEM, SYSTEM + SYSTEM, "system[1]: system 'ubuntu18.04 amd64' is there already"),
        (REPOSITORY, REPOSITORY * 2, "system[0].repository[1]: repository 'ubuntu' is there already"),
        (GROUP, GROUP * 2, "system[0].group[1]: group 'ssh' is there already"),
        (PACKAGE, PACKAGE * 2, "system[0].package[1]: package 'ab_1:2_all' is there already"),
    ],
)
def test_one_thing_wrong(right: str, wrong: str, expected: str) -> None:
    assert right in WHOLE
    (problem,) = problems(WHOLE.replace(right, wrong, 1))
    assert problem.startswith(f"l: {expected}")


def test_all_problems_at_once() -> None:
    found = problems(WHOLE.replace("size = 3", "size = -1").replace('"ssh"', '"S"').replace("sha256:00", ""))
    assert [problem.partition(": ")[2].partition(":")[0] for problem in found] == [
        "manifest-digest",
        "system[0].package[0].size",
        "system[0].group[0].name",
    ]


def test_a_merge_conflict_is_named_with_its_line() -> None:
    (problem,) = problems(HEAD + "<<<<<<< HEAD\n")
    assert problem.startswith("l: is not TOML: ")
    assert "line 4" in problem


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(WHOLE)))
def test_a_lock_that_was_cut_off_has_no_package_that_was_not_whole(length: int) -> None:
    try:
        lock = read_lock(WHOLE[:length], file="l")
    except LockError:
        return
    whole = read_lock(WHOLE, file="l").systems[0].packages
    assert all(system.packages in ((), whole) for system in lock.systems)
