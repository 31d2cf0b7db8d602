"""Every slip in a `[[pin]]`, and in a package for some architectures, is named at its place."""

from pathlib import Path

import pytest

from package_cache.errors import ManifestError
from package_cache.manifest import read_manifest

GROUP = '[[group]]\nname = "a"\nsystems = ["debian12"]\npackages = ["bash"]\n'
SEVERAL = GROUP.replace('["bash"]', "[{}]") + 'architectures = ["amd64", "arm64"]\n'


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "m.toml"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    return [str(problem).replace("\n    ", " -> ").removeprefix(f"{folder}/") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            "",
            [
                '5:1: pin[0].packages: is missing -> write packages = ["gpu-driver", "libgpu*"]',
                "5:1: pin[0]: says neither a version nor a repository"
                ' -> write version = "1.2.*" or repository = "tools"',
                "5:1: pin[0].priority: is missing -> write priority = 700",
            ],
        ),
        (
            'packages = ["A", "b", "b"]\nversion = "x y"\nrepository = "nobody"\npriority = 0\norigin = "h"\n',
            [
                "6:13: pin[0].packages[0]: 'A' is not a package name -> write a name, or a pattern with * and ?",
                "6:23: pin[0].packages[2]: package 'b' is there already, on this line -> leave one of them out",
                "7:1: pin[0].version: 'x y' is not a version -> write one, or a pattern such as \"1.2.*\"",
                "8:1: pin[0].repository: there is no repository 'nobody' -> there are: debian, debian-security",
                "8:1: pin[0].repository: it pins by a version already -> make two pins of it, or leave one of them out",
                "9:1: pin[0].priority: 0 is not a priority -> write a number such as 700, as in apt_preferences(5)",
                "10:1: pin[0].origin: the key 'origin' is unknown"
                " -> name whose it is with repository, such as a [[repository]] of this manifest",
            ],
        ),
        (
            'packages = ["*"]\nversion = "1"\npriority = 1\n',
            ["7:1: pin[0].version: all packages cannot be pinned to one version -> name the packages"],
        ),
    ],
    ids=["empty", "syntax", "all"],
)
def test_pins(tmp_path: Path, fields: str, expected: list[str]) -> None:
    assert problems(tmp_path, GROUP + "[[pin]]\n" + fields) == [f"m.toml:{text}" for text in expected]


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        (
            '{ name = "x1" }',
            ['4:13: group[0].packages[0].architectures: is missing -> write architectures = ["amd64", "arm64"]'],
        ),
        (
            '"x1", { architectures = ["amd64"], version = "1" }',
            [
                '4:19: group[0].packages[1].name: is missing -> write name = "openssh-server"',
                "4:48: group[0].packages[1].version: the key 'version' is unknown"
                " -> the keys here are: name, architectures",
            ],
        ),
        (
            '"x1", { name = "x2", architectures = ["riscv64"] }',
            ["4:51: group[0].packages[1].architectures[0]: the group is not for riscv64"
             " -> the group's are: amd64, arm64"],
        ),
        (
            '{ name = "x1", architectures = ["amd64"] }',
            ["5:1: group[0].architectures: no package of the group is for arm64"
             " -> name one, or leave it out of the group's architectures"],
        ),
        (
            '"x1", { name = "x1", architectures = ["arm64"] }',
            ["4:21: group[0].packages[1].name: package 'x1' is there already, on this line -> leave one of them out"],
        ),
    ],
    ids=["no architectures", "no name", "another", "nothing left", "twice"],
)  # fmt: skip
def test_packages_for_some_architectures(tmp_path: Path, packages: str, expected: list[str]) -> None:
    assert problems(tmp_path, SEVERAL.format(packages)) == [f"m.toml:{text}" for text in expected]


def test_one_package_in_two_versions_for_two_architectures(tmp_path: Path) -> None:
    both = '{ name = "x1=1", architectures = ["amd64"] }, { name = "x1=2", architectures = ["arm64"] }'
    (tmp_path / "m.toml").write_text(SEVERAL.format(both))
    [group] = read_manifest(tmp_path / "m.toml").groups
    assert [str(item.request) for item in group.packages_on("arm64")] == ["x1=2"]


def test_a_repository_where_there_is_none(tmp_path: Path) -> None:
    pin = '[[pin]]\npackages = ["tool"]\nrepository = "tools"\npriority = 1\n'
    message = "3:1: pin[0].repository: there is no repository 'tools' -> there are: none"
    assert f"m.toml:{message}" in problems(tmp_path, pin)
