"""`[[rule]]`, `sets` and `image.record`: what recordings are told by a manifest, and every mistake in it."""

from pathlib import Path

import pytest
from tests.manifest.conftest import problems, read
from tests.support.world import toml_group

from package_cache.manifest.model import Place, Rule, RuleKind

GROUPS = toml_group("ssh", "openssh-server") + toml_group("nfs", "nfs-common")
REFERENCE = 'reference = "docker://localhost:5000/job:1"\n'
STATUS = 'status = "status"\nsystem = "ubuntu18.04"\n'
LISTS = 'write sets = [["ssh", "nfs"]]'


def test_rules_in_their_order() -> None:
    manifest = read(
        f"""{GROUPS}[[rule]]
path = "/etc/tool/**/*.id"
kind = "drop"
reason = "made at each start"
[[rule]]
path = "/etc/tool/key"
kind = "regenerate"
reason = "a secret"
command = 'tool-key >"$1"'
[[rule]]
path = "/etc/tool/key.pub"
kind = "regenerate"
reason = "its public half"
written-with = "/etc/tool/key"
"""
    )
    assert manifest.rules == (
        Rule("/etc/tool/**/*.id", RuleKind.DROP, "made at each start", place=Place("m.toml", 9, 1, "rule[0]")),
        Rule("/etc/tool/key", RuleKind.REGENERATE, "a secret", 'tool-key >"$1"', Place("m.toml", 13, 1, "rule[1]")),
        Rule(
            "/etc/tool/key.pub", RuleKind.REGENERATE, "its public half", place=Place("m.toml", 18, 1, "rule[2]"),
            written_with="/etc/tool/key",
        ),
    )  # fmt: skip


def test_all_mistakes_in_rules_at_once() -> None:
    text = f"""{GROUPS}[[rule]]
[[rule]]
path = "etc/x"
kind = "dorp"
reason = " "
because = "x"
[[rule]]
path = "/a/../b"
kind = "regenerate"
reason = "r"
[[rule]]
path = "/**/x"
kind = "keep"
reason = "r"
command = "x"
[[rule]]
path = "/a/x**"
kind = "regenerate"
reason = "r"
command = "a\\nb"
written-with = "/a/b"
[[rule]]
path = "/c"
kind = "live"
reason = "r"
[[rule]]
path = "/c"
kind = "regenerate"
reason = "r"
written-with = "/d"
"""
    assert problems(text) == [
        'm.toml:9:1: rule[0].path: is missing -> write path = "/etc/tool/id"',
        'm.toml:9:1: rule[0].kind: is missing -> write kind = "drop"',
        'm.toml:9:1: rule[0].reason: is missing -> write reason = "why it differs, and why that does no harm"',
        "m.toml:11:1: rule[1].path: 'etc/x' is not an absolute path"
        " -> write it from the root, without . and .., such as /etc/tool/*.id",
        "m.toml:12:1: rule[1].kind: there is no kind 'dorp' -> there are: drop, keep, live, regenerate",
        'm.toml:13:1: rule[1].reason: is empty -> write reason = "why it differs, and why that does no harm"',
        "m.toml:14:1: rule[1].because: the key 'because' is unknown"
        " -> the keys here are: path, kind, reason, command, written-with",
        "m.toml:15:1: rule[2].command: nothing says how this file is made"
        ' -> write command = "...": shell that writes the file to $1; or written-with',
        "m.toml:16:1: rule[2].path: '/a/../b' is not an absolute path"
        " -> write it from the root, without . and .., such as /etc/tool/*.id",
        "m.toml:20:1: rule[3].path: '/**/x' begins with a wildcard -> name the first folder, such as /etc/**/*.id",
        "m.toml:23:1: rule[3].command: a path of kind 'keep' is not made by a command"
        ' -> leave it out, or write kind = "regenerate"',
        "m.toml:25:1: rule[4].path: '/a/x**' has ** beside other characters"
        " -> write it as a component of its own, such as /etc/**/*.id",
        "m.toml:28:1: rule[4].command: holds the control character '\\n' -> leave it out",
        "m.toml:29:1: rule[4].written-with: it has a command already -> leave one of the two out",
        "m.toml:29:1: rule[4].written-with: there is no regenerated path '/a/b' with a command here -> there are: none",
        "m.toml:35:1: rule[6].path: a rule for /c is there already, on line 31"
        " -> leave this one out: only the first applies",
        "m.toml:38:1: rule[6].written-with: there is no regenerated path '/d' with a command here -> there are: none",
    ]


def test_sets_are_orders_of_groups() -> None:
    manifest = read(f'sets = [["ssh", "nfs"], ["nfs", "ssh"]]\n{GROUPS}')
    assert manifest.sets == (("ssh", "nfs"), ("nfs", "ssh"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[]", [f"1:1: sets: is an empty list -> {LISTS}"]),
        ('["ssh", "nfs"]', [f"1:{column}: sets[{index}]: is a text and must be a list -> {LISTS}"
                            for index, column in enumerate((9, 16))]),
        ("[[]]", [f"1:9: sets[0]: is an empty list -> {LISTS}"]),
        ('[["ssh"]]', [f"1:10: sets[0][0]: a set has at least two groups -> {LISTS}"]),
        ('[["ssh", "afs"]]', ["1:17: sets[0][1]: there is no group 'afs' in this manifest -> there are: nfs, ssh"]),
        ('[["ssh", "ssh"]]',
         ["1:17: sets[0][1]: group 'ssh' is there already, on this line -> leave one of them out"]),
        ('[["ssh", 1]]', [f"1:10: sets[0][0]: a set has at least two groups -> {LISTS}",
                          f"1:17: sets[0][1]: is a whole number -> {LISTS}"]),
        ('[["ssh", "nfs"], ["ssh", "nfs"]]',
         ["1:26: sets[1][0]: the set ssh, nfs is there already, on this line -> leave one of them out"]),
    ],
)  # fmt: skip
def test_mistakes_in_sets(written: str, expected: list[str]) -> None:
    assert problems(f"sets = {written}\n{GROUPS}") == [f"m.toml:{text}" for text in expected]


def test_an_image_is_recorded_unless_it_says_no() -> None:
    tables = (REFERENCE, f"{REFERENCE}record = true\n", f"{REFERENCE}record = false\n", 'root = "root"\n', STATUS)
    Path("root").mkdir()
    Path("status").touch()
    images = "".join(f'[[image]]\nname = "i{index}"\n{fields}' for index, fields in enumerate(tables))
    assert [image.record for image in read(GROUPS + images).images] == [True, True, False, True, False]


def test_a_status_file_cannot_be_recorded() -> None:
    Path("status").touch()
    image = f'[[image]]\nname = "old"\n{STATUS}record = '
    assert problems(f"{GROUPS}{image}true\n") == [
        "m.toml:13:1: image[0].record: a status file alone is no image in which a group can be recorded"
        " -> leave it out, or name the image by a reference or root"
    ]
    assert problems(f"{GROUPS}{image}1\n") == [
        "m.toml:13:1: image[0].record: is a whole number and must be true or false -> write record = false"
    ]
    assert not read(f"{GROUPS}{image}false\n").images[0].record


def test_the_columns_have_no_rules() -> None:
    manifest = read("ssh,ubuntu18.04,openssh-server\n", "package_cache_info")
    assert (manifest.rules, manifest.sets) == ((), ())
