"""Every mistake in `package-cache.toml` is named with its line, its field, and what to write instead, all at once.

Lines are found in every way of writing TOML, so that a problem never points to the wrong place.
"""

import tomllib

import pytest
from tests.manifest.conftest import problems, read
from tests.support.world import toml_group

from package_cache.manifest.positions import name_of, positions

GROUP = toml_group("a", "bash", system="debian12")
SEVERAL = GROUP.replace('["bash"]', "[{}]") + 'architectures = ["amd64", "arm64"]\n'
REPOSITORY = GROUP + '[[repository]]\nname = "r"\nuris = ["https://x.example/r"]\n'


def test_all_at_once() -> None:
    text = """\
[mirror]
[[group]]
systems = [
  "ubuntu16.04", # "bionic"
  "bionic", "ubuntu-20.04",
]
name = "SSH"
package = ["x1"]
packages = ["openssh server", 3, "", "bash", "bash=1"]
size_budget = "5"
size-budget = "5 apples"

[[group]]
name = "nfs"
systems = ["ubuntu18.04", "ubuntu18.04"]
packages = []
recommends = 1
provides = ["usr/sbin/x", "/a/../b"]
architectures = ["all", "x_64"]
precommands = "a\\u0000b"
"""
    assert problems(text) == [
        "m.toml:1:1: mirror: the key 'mirror' is unknown -> write mirrors",
        "m.toml:5:3: group[0].systems[1]: 'bionic' is not an OS release -> write one like ubuntu18.04 or debian12",
        "m.toml:5:13: group[0].systems[2]: 'ubuntu-20.04' is not an OS release -> write ubuntu20.04",
        "m.toml:7:1: group[0].name: 'SSH' is not a name for a group"
        " -> write at most 64 of a-z 0-9 + - . _, a letter or digit first, such as ssh",
        "m.toml:8:1: group[0].package: the key 'package' is unknown -> write packages",
        "m.toml:9:13: group[0].packages[0]: 'openssh server' is not a package name -> write each package by itself",
        'm.toml:9:31: group[0].packages[1]: is a whole number -> write packages = ["openssh-server"]',
        "m.toml:9:34: group[0].packages[2]: is empty -> leave it out",
        "m.toml:9:46: group[0].packages[4]: package 'bash' is there already, on this line -> leave one of them out",
        "m.toml:10:1: group[0].size_budget: the key 'size_budget' is unknown -> write size-budget",
        "m.toml:11:1: group[0].size-budget: '5 apples' is not a size"
        ' -> write size-budget = "50 MB", or a number of bytes above 0',
        "m.toml:15:27: group[1].systems[1]: group 'nfs' for ubuntu18.04 is there already, on this line"
        " -> put all its packages in one table",
        'm.toml:16:1: group[1].packages: is an empty list -> write packages = ["openssh-server"]',
        "m.toml:17:1: group[1].recommends: is a whole number and must be true or false -> write recommends = true",
        "m.toml:18:13: group[1].provides[0]: 'usr/sbin/x' is not the path of a file"
        " -> write it from the root, without . and .., such as /usr/sbin/sshd",
        "m.toml:18:27: group[1].provides[1]: '/a/../b' is not the path of a file"
        " -> write it from the root, without . and .., such as /usr/sbin/sshd",
        "m.toml:19:18: group[1].architectures[0]: 'all' is not an architecture of a machine"
        " -> write one as dpkg names it, such as amd64",
        "m.toml:19:25: group[1].architectures[1]: 'x_64' is not an architecture of a machine"
        " -> write one as dpkg names it, such as amd64",
        "m.toml:20:1: group[1].precommands: holds the control character '\\x00' -> leave it out",
    ]


def test_the_same_group_and_system_in_two_tables() -> None:
    assert problems(GROUP + GROUP.replace('["debian12"]', '["debian11", "debian12"]')) == [
        "m.toml:7:24: group[1].systems[1]: group 'a' for debian12 is there already, on line 3"
        " -> put all its packages in one table"
    ]


def test_what_is_missing_is_named_at_its_table() -> None:
    assert problems("\n\n[[group]]\n[[repository]]\n") == [
        'm.toml:3:1: group[0].name: is missing -> write name = "ssh"',
        'm.toml:3:1: group[0].packages: is missing -> write packages = ["openssh-server"]',
        'm.toml:3:1: group[0].systems: is missing -> write systems = ["ubuntu18.04"]',
        'm.toml:4:1: repository[0].name: is missing -> write name = "tools"',
        'm.toml:4:1: repository[0].suite: is missing -> write suite = "stable"',
        'm.toml:4:1: repository[0].uris: is missing -> write uris = ["scheme://host/path"]',
        'm.toml:4:1: repository[0].components: is missing -> write components = ["main"]',
        "m.toml:4:1: repository[0].key: no key vouches for this repository"
        ' -> write key = "keys/tools.asc" with its OpenPGP key, or allow-unsigned = true',
    ]


def test_an_unknown_list_of_tables_is_named_at_its_first() -> None:
    assert problems(GROUP + "[[rules]]\n[[rules]]\n") == ["m.toml:5:1: rules: the key 'rules' is unknown -> write rule"]


def test_one_table_or_a_list_where_several_tables_are_meant() -> None:
    for text, kind in ((GROUP.replace("[[group]]", "[group]"), "table"), ('group = ["ssh"]\n', "list")):
        told = f"m.toml:1:1: group: is a {kind} -> begin each with [[group]] on a line of its own"
        assert problems(text) == [told]


def test_not_toml() -> None:
    hint = " -> texts and names stand in double quotes, lists in brackets"
    assert problems("\n[[group]]\nname = ssh\n") == [f"m.toml:3:8: is not TOML: Invalid value{hint}"]
    assert problems('# é\r\na = ["x"') == [f"m.toml:2:9: is not TOML: Unclosed array{hint}"]


def test_mirrors() -> None:
    text = (
        GROUP + '[mirrors]\nUbuntu = ["x.example"]\ndebian = "https://x.example/d"\nubuntu = ["mirror://x.example/u"]\n'
    )
    hint = " -> write scheme://host/path, with a scheme of apt's such as https or file"
    assert problems(text) == [
        "m.toml:6:1: mirrors.Ubuntu: 'Ubuntu' is not a distribution"
        " -> write one like ubuntu, debian or ubuntu-security",
        f"m.toml:6:11: mirrors.Ubuntu[0]: 'x.example' is not the URI of a repository{hint}",
        'm.toml:7:1: mirrors.debian: is a text and must be a list -> write debian = ["scheme://host/path"]',
        f"m.toml:8:11: mirrors.ubuntu[0]: 'mirror://x.example/u' is not the URI of a repository{hint}",
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            'suite = "s"\ncomponents = ["main"]',
            ["m.toml:5:1: repository[0].key: no key vouches for this repository"],
        ),
        (
            'suite = "s"\ncomponents = ["main"]\nkey = "nope.asc"\nallow-unsigned = true',
            [
                "m.toml:10:1: repository[0].key: there is no file nope.asc",
                "m.toml:11:1: repository[0].allow-unsigned: it has a key and may be unsigned",
            ],
        ),
        (
            'suite = "./"\ncomponents = ["main"]\nallow-unsigned = true',
            ["m.toml:9:1: repository[0].components: the suite './' is a path and has no components"],
        ),
        (
            'suite = "a b"\ncomponents = ["x]"]\nallow-unsigned = true\npriority = 0',
            [
                "m.toml:8:1: repository[0].suite: 'a b' is not a suite",
                "m.toml:9:15: repository[0].components[0]: 'x]' is not a component",
                "m.toml:11:1: repository[0].priority: 0 is not a priority",
            ],
        ),
    ],
    ids=["nobody vouches", "key", "flat", "syntax"],
)
def test_repositories(fields: str, expected: list[str]) -> None:
    found = problems(REPOSITORY + fields + "\n")
    assert [text.partition(" -> ")[0] for text in found] == expected


FLAT = '[[repository]]\nname = "r"\nuris = ["file:/r"]\nsuite = "./"\nallow-unsigned = true\n'
ON_DEBIAN = FLAT + 'systems = ["debian12"]\n'


@pytest.mark.parametrize(("first", "second"), [(FLAT, FLAT), (ON_DEBIAN, ON_DEBIAN), (FLAT, ON_DEBIAN)])
def test_the_same_repository_twice_for_a_system(first: str, second: str) -> None:
    line = (GROUP + first).count("\n") + 1
    assert problems(GROUP + first + second) == [
        f"m.toml:{line}:1: repository[1]: repository 'r' is there already, on line 5"
        " -> give one of them another name, or other systems"
    ]


def test_a_repository_may_not_have_the_name_of_a_distribution() -> None:
    for name in ("debian", "debian-security"):
        assert problems(GROUP + FLAT.replace('"r"', f'"{name}"')) == [
            f"m.toml:5:1: repository[0]: '{name}' is the name of the distribution's own archive"
            f" -> write another name, such as {name}-extra"
        ]


def test_true_is_no_number() -> None:
    assert problems(GROUP + "size-budget = true\n") == [
        'm.toml:5:1: group[0].size-budget: is true or false and must be a whole number -> write size-budget = "50 MB"'
    ]


def test_architectures_of_companions() -> None:
    field = "companion-architectures"
    assert problems(f'{field} = ["i386", "sparc", "i386"]\n{GROUP}') == [
        f"m.toml:1:36: {field}[1]: no machine runs programs of 'sparc' beside those of another architecture"
        " -> write one of: armel, armhf, i386",
        f"m.toml:1:45: {field}[2]: architecture 'i386' is there already, on this line -> leave one of them out",
    ]
    assert read(f'{field} = ["i386", "armhf"]\n{GROUP}').companion_architectures == ("i386", "armhf")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "lamp-server^",
            "'lamp-server^' is a task of tasksel(8), and a group takes packages -> write the packages of the task:"
            " tasksel --task-packages lamp-server lists them in a container of the OS release",
        ),
        (
            "./tool_1.0_amd64.deb",
            "'./tool_1.0_amd64.deb' is a package file, and a group takes packages of repositories"
            " -> make a flat repository of its folder (dpkg-scanpackages . >Packages), and write in package-cache.toml:"
            ' -> [[repository]] -> name = "local" -> uris = ["file:///path/of/the/folder"] -> suite = "./"'
            " -> allow-unsigned = true -> and among the packages: tool",
        ),
        (
            "vim/bookworm-backports",
            "'vim/bookworm-backports' names a suite, which stands in a pin"
            " -> write vim among the packages, and in package-cache.toml:"
            ' -> [[repository]] -> name = "bookworm-backports" -> uris = ["URI of the archive"]'
            ' -> suite = "bookworm-backports" -> components = ["main"]'
            ' -> fingerprint = "40 digits of the key that signs it"'
            ' -> [[pin]] -> packages = ["vim"] -> repository = "bookworm-backports" -> priority = 1001',
        ),
        (
            "vim:amd64=2:9.0*",
            "'vim:amd64=2:9.0*' asks for a pattern of versions, which stands in a pin"
            " -> write vim:amd64 among the packages, and in package-cache.toml:"
            ' -> [[pin]] -> packages = ["vim"] -> version = "2:9.0*" -> priority = 1001',
        ),
        *(
            (
                f"vim:{name}",
                f"'{name}' is not an architecture of a machine -> write vim for the container's own, "
                "or one like vim:amd64",
            )
            for name in ("any", "native")
        ),
    ],
)
def test_what_apt_installs_otherwise_is_refused_with_what_to_write_instead(written: str, said: str) -> None:
    text = GROUP.replace('"bash"', f'"{written}"')
    assert problems(text) == [f"m.toml:4:13: group[0].packages[0]: {said}"]


def test_answers_to_debconf() -> None:
    answer = '{ package = "a", question = "a/b", type = "string", value = "x y" }'
    lines = [
        answer,
        answer.replace("string", "password"),
        answer.replace("string", "strnig"),
        answer.replace("string", "boolean"),
        answer.replace("a/b", "a b").replace("string", "select"),
        answer.replace('"a"', '"a b"').replace("a/b", "a/c"),
        answer.replace("x y", "x\\\\").replace("a/b", "a/d"),
        answer.replace("question", "name"),
    ]
    text = "\n".join(f"[[group.debconf]]\n{line[2:-2].replace(', ', chr(10))}" for line in lines)
    said = problems(GROUP + text + "\n")
    assert [line.partition("group[0].")[2] for line in said] == [
        "debconf[1]: an answer to 'a/b' is there already, on line 5 -> leave one of them out",
        "debconf[1].type: a cache is not secret: everyone who has it would read the password"
        " -> let the job set it, by debconf-set-selections before the installer runs",
        "debconf[2]: an answer to 'a/b' is there already, on line 5 -> leave one of them out",
        "debconf[2].type: 'strnig' is not a type"
        " -> write one of string, boolean, select, multiselect, text, note, error, title",
        "debconf[3]: an answer to 'a/b' is there already, on line 5 -> leave one of them out",
        'debconf[3].value: \'x y\' is not a boolean -> write "true" or "false"',
        "debconf[4].question: 'a b' is not a question"
        " -> write it as debconf-show(1) does, such as krb5-config/default_realm",
        "debconf[5].package: 'a b' is not a package name -> write the package that asks the question",
        "debconf[6].value: debconf-set-selections(1) cannot read it -> write one line that ends in no backslash",
        'debconf[7].question: is missing -> write question = "krb5-config/default_realm"',
        "debconf[7].name: the key 'name' is unknown -> the keys here are: package, question, type, value",
    ]


@pytest.mark.parametrize("written", ["./tool_1.0_amd64.deb", "vim/bookworm-backports", "vim=2:9.0*"])
def test_the_text_that_is_to_be_pasted_is_a_manifest(written: str) -> None:
    (said,) = problems(GROUP.replace('"bash"', f'"{written}"'))
    tables = said.partition(" -> [[")[2].partition(" -> and ")[0].replace(" -> ", "\n")
    filled = f"[[{tables}\n".replace("URI of the archive", "https://x.example/r")
    filled = filled.replace("40 digits of the key that signs it", "A" * 40)
    name = written.removeprefix("./").partition("_")[0].partition("/")[0].partition("=")[0]
    manifest = read(GROUP.replace('"bash"', f'"{name}"') + filled)
    assert manifest.groups[0].packages[0].request.name == name
    assert manifest.repositories or manifest.pins


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
def test_pins(fields: str, expected: list[str]) -> None:
    assert problems(GROUP + "[[pin]]\n" + fields) == [f"m.toml:{text}" for text in expected]


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
def test_packages_for_some_architectures(packages: str, expected: list[str]) -> None:
    assert problems(SEVERAL.format(packages)) == [f"m.toml:{text}" for text in expected]


def test_one_package_in_two_versions_for_two_architectures() -> None:
    both = '{ name = "x1=1", architectures = ["amd64"] }, { name = "x1=2", architectures = ["arm64"] }'
    [group] = read(SEVERAL.format(both)).groups
    assert [str(item.request) for item in group.packages_on("arm64")] == ["x1=2"]


def test_a_repository_where_there_is_none() -> None:
    pin = '[[pin]]\npackages = ["tool"]\nrepository = "tools"\npriority = 1\n'
    message = "3:1: pin[0].repository: there is no repository 'tools' -> there are: none"
    assert f"m.toml:{message}" in problems(pin)


MARK = "@"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[[a]]\nb = 1\n[[a]]\n@b = 2\n", "a[1].b"),
        ("[[a]]\n[[a]]\n[a.b]\n@c = 1\n", "a[1].b.c"),
        ("@[[a]]\n", "a[0]"),
        ('# b = 1 "\n@b = 2 # b\n', "b"),
        ("a = '''\nb = 1\n[[b]]''''\n@b = 2\n", "b"),
        ('a = """\nb = 1 \\""" "\n""""\n@b = 2\n', "b"),
        ('a = "b = \\" # ["\n@b = 2\n', "b"),
        ("a = 'b = # [\"'\n@b = 2\n", "b"),
        ('a = [ # "x", [\n  "x",\n  @"y",\n]\n', "a[1]"),
        ('a = [["x"], [1.5, @"y"]]\n', "a[1][1]"),
        ('a = ["""x"""", @"y"]\n', "a[1]"),
        ("a = { b = 1.5, @c = 2 }\n", "a.c"),
        ("a = 1979-05-27 07:32:00\n@b = [ ]\n", "b"),
        ("a.b = 1\n@a.c = 2\n", "a.c"),
        ('"a]" = 1\n["x.y"]\n@"b\\u0041" = 1\n', "x.y.bA"),
        ("['x]y']\n@'b' = 1\n", "x]y.b"),
        ("a = 1\r\n\r\n@b = 2\r\n", "b"),
    ],
)
def test_a_field_is_found_where_it_stands(text: str, found: str) -> None:
    written = text.replace(MARK, "", 1)
    tomllib.loads(written)
    offsets = {name_of(way): offset for way, offset in positions(written).items()}
    assert offsets[found] == text.index(MARK)
