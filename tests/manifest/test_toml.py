"""`package-cache.toml` gives the same values as the columns, and what the columns cannot say.

The examples in docs/manifests.md can be copied, and its table has every key there is.
"""

import re
from pathlib import Path

import pytest
from tests.manifest.conftest import read
from tests.support.keys import throwaway_key
from tests.support.world import toml_group

from package_cache.manifest import read_manifest
from package_cache.manifest.images import KEYS as IMAGE_KEYS
from package_cache.manifest.model import Group, Pin, Place, Repository, TrustedKeys
from package_cache.manifest.repositories import PIN_KEYS, REPOSITORY_KEYS
from package_cache.manifest.rules import KEYS as RULE_KEYS
from package_cache.manifest.toml import GROUP_KEYS
from package_cache.openpgp import read_public_keys

EVERYTHING = """\
[mirrors]
ubuntu = ["https://mirror.example/ubuntu", "file:/srv/ubuntu"]
ubuntu-security = ["https://mirror.example/security"]

[[group]]
name = "ssh"
systems = ["ubuntu16.04", "ubuntu18.04"]
packages = [
  "openssh-client",     # the order is kept
  "openssh-server=1:7.6p1-4",
]
architectures = ["amd64", "arm64"]
recommends = true
provides = ["/usr/sbin/sshd"]
size-budget = "50 MB"
precommands = '''

echo "a, b" > /l
if true; then	true; fi # kept
'''

[[group]]
name = "ssh"
systems = ["debian12"]
packages = ["openssh-server"]

[[repository]]
name = "tools"
uris = ["https://tools.example/apt"]
suite = "stable"
components = ["main", "extra"]
systems = ["ubuntu18.04"]
key = "keys/tools.asc"
priority = 700

[[repository]]
name = "tools"
uris = ["file:/srv/flat"]
suite = "./"
systems = ["debian12"]
allow-unsigned = true
"""


@pytest.fixture
def path() -> Path:
    Path("site/keys").mkdir(parents=True)
    throwaway_key().export(Path("site/keys/tools.asc"), armoured=True)
    return Path("site/package-cache.toml")


def requests(group: Group) -> list[str]:
    return [str(package.request) for package in group.packages]


def test_all_that_the_columns_cannot_say(path: Path) -> None:
    path.write_text(EVERYTHING)
    first, second, plain = groups = read_manifest(path).groups
    ssh = ["openssh-client", "openssh-server=1:7.6p1-4"]
    assert [(group.name, group.distribution, group.version, requests(group)) for group in groups] == [
        ("ssh", "ubuntu", "16.04", ssh),
        ("ssh", "ubuntu", "18.04", ssh),
        ("ssh", "debian", "12", ["openssh-server"]),
    ]
    for group in (first, second):
        assert [system.architecture for system in group.systems] == ["amd64", "arm64"]
        assert (group.recommends, group.provides, group.size_budget) == (True, ("/usr/sbin/sshd",), 50_000_000)
        assert group.precommands == 'echo "a, b" > /l\nif true; then\ttrue; fi # kept'
    assert (plain.architectures, plain.recommends, plain.provides) == (("amd64",), False, ())
    assert (plain.size_budget, plain.precommands) == (None, None)


def test_answers_to_debconf_in_both_forms() -> None:
    group = toml_group("kerberos", "krb5-user")
    answer = ('package = "krb5-config"', 'question = "krb5-config/default_realm"', 'type = "string"', 'value = "A.B"')
    (inline,) = read(f"{group}debconf = [{{ {', '.join(answer)} }}]\n").groups
    (table,) = read(f"{group}[[group.debconf]]\n" + "\n".join(answer) + "\n").groups
    assert [str(found) for found, _ in inline.debconf] == ["krb5-config krb5-config/default_realm string A.B"]
    assert [found for found, _ in table.debconf] == [found for found, _ in inline.debconf]


def test_repositories_and_mirrors(path: Path) -> None:
    path.write_text(EVERYTHING)
    manifest = read_manifest(path)
    assert manifest.repositories == (
        Repository(
            "tools",
            ("https://tools.example/apt",),
            "stable",
            Place("site/package-cache.toml", 27, 1, "repository[0]"),
            ("main", "extra"),
            ("ubuntu18.04",),
            TrustedKeys(
                Place("site/package-cache.toml", 33, 1, "repository[0].key"),
                read_public_keys(Path("site/keys/tools.asc").read_bytes()),
                file=Path("site/keys/tools.asc"),
            ),
            priority=700,
        ),
        Repository(
            "tools",
            ("file:/srv/flat",),
            "./",
            Place("site/package-cache.toml", 36, 1, "repository[1]"),
            systems=("debian12",),
            allow_unsigned=True,
        ),
    )
    assert manifest.mirrors == {
        "ubuntu": ("https://mirror.example/ubuntu", "file:/srv/ubuntu"),
        "ubuntu-security": ("https://mirror.example/security",),
    }


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_places_of_groups_and_packages(path: Path, ends: str) -> None:
    path.write_bytes(("\ufeff" + EVERYTHING.replace("\n", ends)).encode())
    name = "site/package-cache.toml"
    first, second, third = read_manifest(path).groups
    assert first.place == Place(name, 7, 12, "group[0].systems[0]")
    assert second.place == Place(name, 7, 27, "group[0].systems[1]")
    assert second.packages[1].place == Place(name, 10, 3, "group[0].packages[1]")
    assert third.packages[0].place == Place(name, 25, 13, "group[1].packages[0]")


def test_both_formats_say_the_same() -> None:
    (ours,) = read(toml_group("a", "bash", "g++", system="debian12", more='precommands = " x "\n')).groups
    (seeds,) = read("a,debian12,bash g++, x \n", "columns").groups
    assert requests(ours) == requests(seeds)
    assert (ours.name, ours.systems, ours.precommands) == (seeds.name, seeds.systems, seeds.precommands)
    (blank,) = read(toml_group("a", "bash", more='precommands = " \\n"\n')).groups
    assert blank.precommands is None


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("1", 1), ("50_000_000", 50_000_000), ('"7 B"', 7), ('"50MB"', 50_000_000), ('"1.5 GB"', 1_500_000_000),
        ('"0.29 kB"', 290), ('"2 KiB"', 2048), ('"64 MiB"', 67_108_864), ('"1.5 GiB"', 1_610_612_736),
    ],
)  # fmt: skip
def test_size_budgets_in_bytes(written: str, size: int) -> None:
    assert read(toml_group("a", "bash", more=f"size-budget = {written}\n")).groups[0].size_budget == size


def test_packages_for_some_architectures() -> None:
    driver = '{ name = "gpu-driver=535.1-1", architectures = ["amd64"] }'
    text = toml_group("gpu", "tool", "driver", more='architectures = ["amd64", "arm64"]\n')
    [group] = read(text.replace('"driver"', driver)).groups
    assert [str(item.request) for item in group.packages_on("amd64")] == ["tool", "gpu-driver=535.1-1"]
    assert [str(item.request) for item in group.packages_on("arm64")] == ["tool"]
    assert group.packages[1].place.line == 4


def test_pins() -> None:
    manifest = read(
        toml_group("gpu", "gpu-driver", system="debian12")
        + '[[pin]]\npackages = ["gpu-*", "libgpu1"]\nversion = "1:535.*"\npriority = 1001\n'
        '[[pin]]\npackages = ["*"]\nrepository = "debian-security"\npriority = 600\nsystems = ["debian12"]\n'
    )
    name = "m.toml"
    assert manifest.pins == (
        Pin(("gpu-*", "libgpu1"), 1001, Place(name, 5, 1, "pin[0]"), version="1:535.*"),
        Pin(("*",), 600, Place(name, 9, 1, "pin[1]"), repository="debian-security", systems=("debian12",)),
    )


TEXT = (Path(__file__).parents[2] / "docs" / "manifests.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(toml)?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_examples_are_right() -> None:
    Path("keys").mkdir()
    throwaway_key().export(Path("keys/tools.asc"), armoured=True)
    columns = read(next(text for kind, text in BLOCKS if not kind), "columns")
    toml = read(next(text for kind, text in BLOCKS if kind))
    assert [group.name for group in columns.groups] == ["ssh", "ssh", "tool"]
    assert [group.version for group in toml.groups] == ["16.04", "18.04", "12", "18.04"]


def test_the_table_has_every_key_and_no_other() -> None:
    fields = re.findall(r"^\| `(group|repository|pin|image|rule)\.([a-z-]+)`", TEXT, re.MULTILINE)
    known = {
        "group": GROUP_KEYS,
        "repository": REPOSITORY_KEYS,
        "pin": PIN_KEYS,
        "image": IMAGE_KEYS,
        "rule": RULE_KEYS,
    }
    for name, keys in known.items():
        assert {key for table, key in fields if table == name} == set(keys)
