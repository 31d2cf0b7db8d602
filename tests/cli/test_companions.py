"""Images that are older than the lock: what must change with a group is in its index, and named as what it is."""

import itertools
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tests.check.layouts import package, write_root
from tests.support.world import World, printed, toml_group

MANIFEST = "app,ubuntu18.04,app\n"
LARGE: Mapping[str, Any] = {"files": {"/usr/share/large": "*" * 100_000}, "compression": "none"}
Deb = tuple[str, str, Mapping[str, Any]]


def of(name: str, version: str = "2", depends: str = "", **fields: Any) -> Deb:
    return name, version, {"depends": depends, **fields}


LIB, APP, TOOL, PLUGIN = of("lib"), of("app", "2", "lib (>= 2)"), of("tool", "2", "lib (= 2)"), of("plugin")
FIRST_DAY = (of("lib", "1"), of("tool", "1", "lib (= 1)"))
OLD_LIB, OLD_PLUGIN = package("lib", "1"), package("plugin", "1")
TIED = package("tool", "1", Depends="lib (= 1)")


@dataclass(frozen=True)
class Row:
    """What the archive has, what an older image has, and what is then installed there for the package `app`."""

    archive: Sequence[Deb] = (LIB, APP, TOOL)
    image: Sequence[str] = (OLD_LIB, TIED)
    installed: str = "app 2, lib 2, tool 2"
    """Names and versions; or the status of a miss."""
    companions: str = "tool"
    first_day: Sequence[Deb] = ()
    """What the archive has had from the release's first day on."""
    requests: str = "app"


ROWS = {
    "a tie by an exact version": Row(),
    "the tied package is not there": Row(image=[OLD_LIB], installed="app 2, lib 2"),
    "nothing is there": Row(image=[], installed="app 2, lib 2"),
    "the newest versions are there": Row(
        image=[package("lib", "2"), package("tool", "2", Depends="lib (= 2)")], installed="app 2"
    ),
    "the group needs an exact version": Row([LIB, of("app", "2", "lib (= 2)"), TOOL]),
    "the group asks for a version": Row([LIB, of("app", "2", "lib"), TOOL], requests="app lib=2"),
    "by a pre-dependency": Row(
        [LIB, of("app", Pre_Depends="lib (>= 2)"), of("tool", Pre_Depends="lib (= 2)")],
        [OLD_LIB, package("tool", "1", Pre_Depends="lib (= 1)")],
    ),
    "what is tied to the tied one": Row(
        [LIB, APP, TOOL, of("tool-more", "2", "tool (= 2)")],
        [OLD_LIB, TIED, package("tool-more", "1", Depends="tool (= 1)")],
        "app 2, lib 2, tool 2, tool-more 2",
        "tool, tool-more",
    ),
    "what the tied one is tied to": Row(
        [LIB, APP, of("tool", "2", "lib (= 2), data (= 2)"), of("data")],
        [OLD_LIB, package("tool", "1", Depends="lib (= 1), data (= 1)"), package("data", "1")],
        "app 2, data 2, lib 2, tool 2",
        "data, tool",
    ),
    "a member of the group is tied to another one": Row(
        [LIB, of("part", "2", "lib (= 2)"), of("app", "2", "part, lib (>= 2)"), of("tool", "2", "part (= 2)")],
        [OLD_LIB, package("part", "1", Depends="lib (= 1)"), package("tool", "1", Depends="part (= 1)")],
        "app 2, lib 2, part 2, tool 2",
    ),
    "the new one breaks another one": Row(
        [of("lib", Breaks="plugin (<< 2)"), APP, PLUGIN], [OLD_LIB, OLD_PLUGIN], "app 2, lib 2, plugin 2", "plugin"
    ),
    "the group breaks another one": Row(
        [of("app", Breaks="plugin (<< 2)"), PLUGIN], [OLD_PLUGIN], "app 2, plugin 2", "plugin"
    ),
    "the group conflicts with an older version": Row(
        [of("app", Conflicts="plugin (<= 1)"), PLUGIN], [OLD_PLUGIN], "app 2, plugin 2", "plugin", [of("plugin", "1")]
    ),
    "what is broken is tied in turn": Row(
        [of("app", Breaks="plugin (<< 2)"), PLUGIN, of("plugin-data", "2", "plugin (= 2)")],
        [OLD_PLUGIN, package("plugin-data", "1", Depends="plugin (= 1)")],
        "app 2, plugin 2, plugin-data 2",
        "plugin, plugin-data",
    ),
    "a tie to versions before one": Row(
        [LIB, APP, of("tool", "2", "lib (>= 2), lib (<< 3)")],
        [OLD_LIB, package("tool", "1", Depends="lib (<< 2)")],
        first_day=[of("lib", "1"), of("tool", "1", "lib (<< 2)")],
    ),
    "a tie to what the old version provided": Row(
        [of("lib", Provides="lib-abi-2"), APP, of("tool", "2", "lib-abi-2")],
        [package("lib", "1", Provides="lib-abi-1"), package("tool", "1", Depends="lib-abi-1")],
        first_day=[of("lib", "1", Provides="lib-abi-1"), of("tool", "1", "lib-abi-1")],
    ),
    "a tie to a version that is provided": Row(
        [of("lib", Provides="lib-abi (= 2)"), APP, of("tool", "2", "lib-abi (= 2)")],
        [package("lib", "1", Provides="lib-abi (= 1)"), package("tool", "1", Depends="lib-abi (= 1)")],
        first_day=[of("lib", "1", Provides="lib-abi (= 1)"), of("tool", "1", "lib-abi (= 1)")],
    ),
    "the new version of the tied one needs something new": Row(
        [LIB, APP, of("tool", "2", "lib (= 2), fresh"), of("fresh")],
        installed="app 2, fresh 2, lib 2, tool 2",
        companions="fresh, tool",
        first_day=FIRST_DAY,
    ),
    "the first day's version is enough": Row([LIB, of("app", "2", "lib"), TOOL], installed="app 2", companions=""),
    "the first day's version meets what the group needs": Row(
        [LIB, of("app", "2", "lib (>= 1)"), TOOL], installed="app 2", companions="", first_day=FIRST_DAY
    ),
    "another alternative is enough": Row(
        [LIB, of("app", "2", "lib (>= 2) | other"), TOOL], [package("other", "1"), OLD_LIB, TIED], "app 2"
    ),
    "large and not usual": Row([LIB, APP, of("tool", "2", "lib (= 2)", **LARGE)], installed="13", companions=""),
    "large and usual": Row([LIB, APP, of("tool", "2", "lib (= 2)", Priority="standard", **LARGE)]),
    "small, but with something large": Row(
        [LIB, APP, of("tool", "2", "lib (= 2), data (= 2)"), of("data", **LARGE)],
        [OLD_LIB, package("tool", "1", Depends="lib (= 1), data (= 1)"), package("data", "1")],
        "13",
        "",
    ),
    "a conflict without a version": Row([of("app", Conflicts="plugin"), PLUGIN], [OLD_PLUGIN], "13", ""),
}


def prefixed(value: Any, prefix: str) -> Any:
    """Return a row's value with its packages' names behind a prefix: the rows are groups of one manifest."""
    if isinstance(value, str):
        return re.sub(r"(?<![a-z/-])(app|data|fresh|lib|other|part|plugin|tool)(?!s)", rf"{prefix}-\1", value)
    if isinstance(value, Mapping):
        return {key: prefixed(item, prefix) for key, item in value.items()}
    return [prefixed(item, prefix) for item in value] if isinstance(value, (list, tuple)) else value


def add(world: World, *packages: Deb, suite: str = "bionic") -> None:
    for name, version, fields in packages:
        world.add(name, version, suite=suite, **fields)


def built(world: World, manifest: str = MANIFEST) -> None:
    world.manifest(manifest)
    assert world.build()[::2] == (0, "")


def planned(world: World, name: str, *paragraphs: str, foreign: str = "") -> str:
    """Return what `check` says would be installed beside these packages, or the status of a miss."""
    root = write_root(world.folder / f"root{next(_numbers)}", *paragraphs)
    if foreign:
        (root / "var/lib/dpkg/arch").write_text(f"amd64\n{foreign}\n")
    (verdict,) = world.json("check", name, "--cache", str(world.cache), "--root", str(root))["result"]["groups"]
    names = sorted(f"{item['name']} {item['version']}" for item in verdict["packages"])
    return ", ".join(names) if verdict["status"] == 0 else str(verdict["status"])


_numbers = itertools.count()


def groups(world: World) -> dict[str, dict[str, Any]]:
    (system,) = tomllib.loads((world.folder / "package-cache.lock").read_text())["system"]
    return {item["name"]: item for item in system["group"]}


def companions(world: World, name: str = "app") -> str:
    return ", ".join(sorted(key.partition("_")[0] for key in groups(world)[name].get("companions", ())))


def test_older_images(world: World) -> None:
    manifest, rows = "", {f"g{number}": (which, row) for number, (which, row) in enumerate(ROWS.items())}
    for prefix, (_, row) in rows.items():
        add(world, *prefixed(row.first_day, prefix))
        add(world, *prefixed(row.archive, prefix), suite="bionic-updates")
        manifest += f"{prefix},ubuntu18.04,{prefixed(row.requests, prefix)}\n"
    built(world, manifest)
    found = {
        which: (planned(world, prefix, *prefixed(row.image, prefix)), companions(world, prefix))
        for prefix, (which, row) in rows.items()
    }
    assert found == {
        which: (prefixed(row.installed, prefix), prefixed(row.companions, prefix))
        for prefix, (which, row) in rows.items()
    }
    assert {name: group["requests"] for name, group in groups(world).items()} == {
        prefix: prefixed(row.requests, prefix).split() for prefix, (_, row) in rows.items()
    }


@pytest.fixture
def tied(world: World) -> World:
    """An archive with a tie, and the cache of a group for which that matters."""
    add(world, LIB, APP, TOOL)
    built(world)
    return world


def test_a_companion_is_named_as_one(tied: World) -> None:
    _, out, _ = tied.run("show", "app", "--cache", str(tied.cache))
    assert [line.split()[4:] for line in out.splitlines()[1:6]] == [
        [], [], ["B"], ["B"], ["B", "companion", "on", "amd64"],
    ]  # fmt: skip
    assert "3 packages (1 companion)," in out
    (shown,) = tied.json("show", "app", "--cache", str(tied.cache))["result"]["systems"]
    companion_on = {item["name"]: item["companion_on"] for item in shown["packages"]}
    assert companion_on == {"app": [], "lib": [], "tool": ["amd64"]}
    _, out, _ = tied.run("sbom", "--cache", str(tied.cache), "--format", "cyclonedx")
    marks = {
        item["name"]: [one["value"] for one in item["properties"] if one["name"] == "package-cache:companion-of"]
        for item in json.loads(out)["components"]
    }
    assert marks == {"app": [], "lib": [], "tool": ["app"]}
    _, out, _ = tied.run("sbom", "--cache", str(tied.cache), "--format", "spdx")
    assert [item["name"] for item in json.loads(out)["packages"] if "companion, for" in item["sourceInfo"]] == ["tool"]


def test_a_lock_without_companions_is_read_and_compared(tied: World) -> None:
    lock = tied.folder / "package-cache.lock"
    old = tied.folder / "old.lock"
    companion = r'companions = \[.*?\]\n|\[\[system.package\]\]\nname = "tool"\n(?:\S.*\n)*'
    text = re.sub(companion, "", lock.read_text(), flags=re.DOTALL)
    old.write_text(text)
    status, out, _ = tied.run("diff", str(old), str(lock))
    assert status == 0
    assert "new   tool:all   2 (companion)   app" in out
    assert "lib" not in out.replace(str(tied.folder), "")
    lock.write_text(text)
    assert tied.build()[0] == 0
    assert planned(tied, "app", OLD_LIB, TIED) == "13"
    assert planned(tied, "app", OLD_LIB) == "app 2, lib 2"


def test_a_companion_of_one_group_that_another_one_needs(world: World) -> None:
    add(world, LIB, APP, TOOL)
    built(world, "app,ubuntu18.04,app\ntools,ubuntu18.04,tool\n")
    assert (companions(world), companions(world, "tools")) == ("tool", "")
    _, out, _ = world.run("sbom", "--cache", str(world.cache), "--format", "cyclonedx")
    (tool,) = [item for item in json.loads(out)["components"] if item["name"] == "tool"]
    marks = [(one["name"].partition(":")[2], one["value"]) for one in tool["properties"]]
    told = [mark for mark in marks if "group" in mark[0] or "companion" in mark[0]]
    assert told == [("companion-of", "app"), ("group", "app"), ("group", "tools")]


def test_companions_are_kept_and_upgraded_with_the_others(tied: World) -> None:
    add(tied, of("lib", "3"), of("app", "3", "lib (>= 3)"), of("tool", "3", "lib (= 3)"), suite="bionic-updates")
    assert tied.online("lock", "--keep")[0] == 0
    assert groups(tied)["app"]["companions"] == ["tool_2_all"]
    found = json.loads(tied.online("outdated", "--json")[1])["result"]["systems"][0]["packages"]
    assert {item["name"]: item["newest"] for item in found} == {"app": "3", "lib": "3", "tool": "3"}
    assert tied.online("lock", "--upgrade", "app")[0] == 0
    assert groups(tied)["app"]["companions"] == ["tool_3_all"]
    assert locked_for(tied, OLD_LIB, TIED) == []  # what an older image needs is there


TABLE = toml_group("app", "app")


@pytest.mark.parametrize("switched", [True, False])
def test_the_same_package_of_another_architecture(world: World, switched: bool) -> None:
    world.archive.architectures.append("i386")
    for architecture in ("amd64", "i386"):
        world.add("lib", "2", architecture=architecture, Multi_Arch="same")
        world.add("lib-more", "2", architecture=architecture, Multi_Arch="same", depends="lib (= 2)")
    world.add("app", "2", architecture="amd64", depends="lib (>= 2)")
    built(world, ('companion-architectures = ["i386"]\n' if switched else "") + TABLE)
    both = [
        package("lib", "1", architecture=name, Multi_Arch="same")
        + package("lib-more", "1", architecture=name, Multi_Arch="same", Depends="lib (= 1)")
        for name in ("amd64", "i386")
    ]
    more = "lib 2, lib 2, lib-more 2, lib-more 2" if switched else "lib 2, lib-more 2"
    assert planned(world, "app", *both[:1]) == "app 2, lib 2, lib-more 2"
    assert planned(world, "app", *both, foreign="i386") == (f"app 2, {more}" if switched else "13")
    if not switched:
        assert locked_for(world, *both, foreign="i386")
        assert planned(world, "app", *both, foreign="i386") == "app 2, lib 2, lib 2, lib-more 2, lib-more 2"


def test_an_alternative_that_conflicts_with_an_essential_package(world: World) -> None:
    world.add("core", Essential="yes", Priority="required")
    world.add("first", Conflicts="core")
    world.add("second")
    world.add("app", depends="first | second")
    built(world)
    assert groups(world)["app"]["packages"] == ["app_1.0_all", "first_1.0_all"]
    assert companions(world) == "second"
    assert planned(world, "app", package("core", Essential="yes")) == "app 1.0, second 1.0"


def test_lock_refuses_a_group_that_no_image_can_install(world: World) -> None:
    for version in ("1.0", "2.0"):
        world.add("core", version, suite="bionic-updates", Essential="yes", Priority="required")
    world.add("vandal", Conflicts="core")
    world.manifest("vandal,ubuntu18.04,vandal\nold,ubuntu18.04,core=1.0\nedit,ubuntu18.04,editor\n")
    status, _, err = world.online("lock")
    assert status == 3
    assert err.splitlines()[1].endswith("group 'vandal' cannot be installed in any image of ubuntu18.04:")
    assert "group 'old'" not in err
    world.locked("old,ubuntu18.04,core=1.0\nedit,ubuntu18.04,editor\n")


def locked_for(world: World, *paragraphs: str, foreign: str = "") -> list[str]:
    """Lock for an image, build, and return what the lock has for it alone."""
    root = write_root(world.folder / "image", *paragraphs)
    if foreign:
        (root / "var/lib/dpkg/arch").write_text(f"amd64\n{foreign}\n")
    assert world.online("lock", "--for", str(root))[::2] == (0, "")
    assert world.build()[0] == 0
    return [key for item in groups(world)["app"].get("image", ()) for key in item["packages"]]


def test_a_lock_for_an_older_image_with_a_large_companion(world: World) -> None:
    add(world, LIB, APP, of("tool", "2", "lib (= 2)", **LARGE))
    built(world)
    root = write_root(world.folder / "root", OLD_LIB, TIED)
    told = "\n    tool is tied to lib (= 1), and the group needs another version\n"
    printed(world.run("check", "--cache", str(world.cache), "--root", str(root)), 13, told)
    assert locked_for(world, OLD_LIB, TIED) == ["app_2_all", "lib_2_all", "tool_2_all"]
    assert planned(world, "app", OLD_LIB, TIED) == "app 2, lib 2, tool 2"


def test_a_lock_for_an_image_that_is_older_than_all_that_the_archive_lists(world: World) -> None:
    add(world, LIB, APP, TOOL)
    add(world, of("lib", "3"), of("app", "3", "lib (>= 2)"), of("tool", "3", "lib (= 3)"), suite="bionic-updates")
    built(world)
    assert planned(world, "app", OLD_LIB, TIED) == "13"
    locked_for(world, OLD_LIB, TIED)
    assert planned(world, "app", OLD_LIB, TIED) == "app 3, lib 3, tool 3"


@pytest.mark.parametrize(
    ("pin", "companion"),
    [
        ("", ["plugin_3_all"]),
        ('version = "2"\npriority = 1001\n', ["plugin_2_all"]),
        ('version = "*"\npriority = -1\n', []),
    ],
)
def test_pins_hold_for_companions(world: World, pin: str, companion: list[str]) -> None:
    for version, suite in (("1", "bionic"), ("2", "bionic-updates"), ("3", "bionic-updates")):
        world.add("plugin", version, suite=suite)
    world.add("app", "2", Breaks="plugin (<< 2)")
    text = TABLE + (f'[[pin]]\npackages = ["plugin"]\n{pin}' if pin else "")
    built(world, text)
    assert groups(world)["app"].get("companions", []) == companion
