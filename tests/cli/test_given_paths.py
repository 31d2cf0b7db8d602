"""Every option and variable that takes a path, with paths as people have them: odd characters, relative, by a link."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import click
import pytest
from tests.check.layouts import write_root
from tests.report.answers import CHECK, OUTDATED, written
from tests.support.keys import throwaway_key
from tests.support.world import World, refused, toml_group

from package_cache.cli.main import cli
from package_cache.cli.options import NAMED_FILE, PATH

MANIFEST = toml_group("edit", "editor")
IMAGE = '[[image]]\nname = "job"\nstatus = "status"\nsystem = "ubuntu18.04"\n'
ODD = {
    "blank": "a b", "comma": "a,b", "colon": "a:b", "quotes": "a'b\"c", "other letters": "é東", "percent": "a%20b",
    "brackets": "[a]{b}", "shell": "$(a);b&c*?", "backslash": "a\\b", "hash": "a#b=c",
}  # fmt: skip
ALL_AT_ONCE = "a b,c:d'e\"é東%20[f]$(g);h*\\i#j"

NEEDED = {
    "lock": ("manifest", "state", "keyrings", "auth"),
    "build": ("manifest", "state", "keyrings", "auth", "output"),
    "outdated": ("manifest", "state", "keyrings", "auth"),
    "install": ("manifest", "state", "keyrings", "cache"),
    "image": ("cache", "state"),
    "check": ("cache", "state"),
    "record": ("cache", "state"),
    "sbom": ("cache",),
    "provenance": ("cache", "lock"),
    "report": ("cache",),
    "stage": ("cache", "to"),
    "list": ("cache",),
    "show": ("cache",),
    "verify": ("cache",),
    "gc": ("cache",),
    "diff": ("old", "new"),
}
"""What each verb is always given here; another parameter is given where it is what is tested."""


def path_parameters() -> Iterator[tuple[str, str]]:
    for verb in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        for parameter in command.params:
            assert not isinstance(parameter.type, click.Path), parameter
            if parameter.type in (PATH, NAMED_FILE):
                yield verb, str(parameter.name)


PARAMETERS = list(path_parameters())


def parameter_of(verb: str, name: str) -> click.Parameter:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return next(parameter for parameter in command.params if parameter.name == name)


@pytest.fixture
def prepared(world: World) -> World:
    """A world with everything that a path can lead to, and a newer package than its lock has."""

    def fill() -> None:
        world.manifest(MANIFEST + IMAGE)
        assert world.build()[0] == 0
        root = write_root(world.folder / "root")
        shutil.copy(root / "var/lib/dpkg/status", world.folder)
        (world.folder / "registries.json").write_text("{}")
        for answer in (CHECK, OUTDATED):
            written(world.folder, answer)
        world.add("editor", "2.0", depends="libshared")
        world.archive.publish()

    world.once("a newer editor", fill)
    shutil.copy(world.archive.keyring, world.folder / "keys.gpg")
    (world.folder / "secret").write_text(throwaway_key("cache").secret())
    (world.folder / "pod.yaml").write_text("image: localhost:5000/layout:latest\n")
    (world.folder / "tracker.json").write_text('{"a": {"CVE-2024-1000": {"releases": {"sid": {"status": "open"}}}}}')
    (world.folder / "passwords").write_text(f"machine {world.server.uri} login u password p\n")
    world.server.demand("u", "p")
    return world


def places(world: World) -> dict[str, Path]:
    folder = world.folder
    return {
        "manifest": folder / "package-cache.toml", "state": folder / "state", "keyrings": folder / "keys.gpg",
        "auth": folder / "passwords", "cache": folder / "package_cache", "output": folder / "output",
        "to": folder / "staged", "authfile": folder / "registries.json", "root": folder / "root",
        "status": folder / "status", "lock": folder / "package-cache.lock", "old": folder / "package-cache.lock",
        "new": folder / "package-cache.lock", "signing_key": folder / "secret", "keys": folder / "keys.gpg",
        "fill": folder / "pod.yaml",
        "checks": folder / "check.json", "outdated": folder / "outdated.json",
        "vulnerabilities": folder / "tracker.json",
    }  # fmt: skip


def words(world: World, verb: str, name: str, given: str) -> list[str]:
    """Return the command line of a verb with this path for one of its parameters."""
    found = [verb]
    if verb in ("lock", "build", "outdated", "install") or (verb, name) == ("verify", "manifest"):
        found += ["--mirror", f"ubuntu={world.server.uri}"]
    if verb in ("show", "stage", "install"):
        found.append("edit")
    if verb == "image":
        found += ["--output", f"oci:{world.folder}/layout"]
    if verb in ("check", "record"):
        name_of = {"status": ["--system", "ubuntu18.04"], "authfile": ["--image", f"oci:{world.folder}/none"]}
        found += name_of.get(name, [])
        if name not in ("status", "root", "manifest", "authfile"):
            found += ["--root", str(world.folder / "root")]
    if (verb, name) == ("verify", "manifest"):
        found += ["--from-archive", "--auth-file", str(places(world)["auth"])]
    if (verb, name) == ("sbom", "vulnerabilities"):
        found += ["--format", "cyclonedx"]
    if (verb, name) == ("image", "lock"):
        found += ["--attach", "provenance"]
    if name == "signing_key":
        found += ["--sign-by", throwaway_key("cache").fingerprint]
    for one in dict.fromkeys((*NEEDED[verb], name)):
        parameter, path = parameter_of(verb, one), given if one == name else str(places(world)[one])
        path = f"ubuntu={path}" if parameter.type is NAMED_FILE else path
        found += [path] if isinstance(parameter, click.Argument) else [parameter.opts[0], path]
    return found


def moved(world: World, name: str) -> Path:
    """Copy the target of a parameter into a folder with an odd name."""
    there = places(world)[name]
    folder = world.folder / ALL_AT_ONCE
    folder.mkdir()
    if there.is_dir():
        shutil.copytree(there, folder / there.name, symlinks=True)
    elif there.exists():
        shutil.copy(there, folder / there.name)
        if there.name == "package-cache.toml":
            shutil.copy(places(world)["lock"], folder)
            shutil.copy(places(world)["status"], folder)
    return folder / there.name


@pytest.mark.parametrize(("verb", "name"), PARAMETERS)
def test_every_path_of_the_command_line(prepared: World, verb: str, name: str) -> None:
    plain = prepared.run(*words(prepared, verb, name, str(places(prepared)[name])))
    path = moved(prepared, name)
    odd = prepared.run(*words(prepared, verb, name, str(path)))
    assert odd[0] == plain[0], odd[2]
    (prepared.folder / "linked 'here'").symlink_to(path.parent)
    with chdir(prepared.folder):
        relative = f"linked 'here'/{path.name}{'/' if path.is_dir() else ''}"
        by_link = prepared.run(*words(prepared, verb, name, relative))
    assert by_link[0] == plain[0], by_link[2]
    others = {("check", "authfile"): 2, ("record", "authfile"): 2, ("record", "manifest"): 2, ("verify", "keys"): 31}
    others["image", "fill"] = 2  # of an image that is not in a registry
    by_verb = {"outdated": 16, "install": 11, "record": 19}
    expected = others.get((verb, name), by_verb.get(verb, 0))
    assert plain[0] == expected, plain[
        2
    ]  # what is newer is seen; no group is for this machine; no program is in the root


@pytest.mark.parametrize("path", ["", "a\nb", "a\x1bb"], ids=["empty", "newline", "escape"])
def test_invalid_paths_are_refused(world: World, path: str) -> None:
    for verb, name in PARAMETERS:
        parameter = parameter_of(verb, name)
        with pytest.raises(click.BadParameter, match=r"path is empty|has control characters|is not NAME=VALUE"):
            parameter.type.convert(f"name={path}" if parameter.type is NAMED_FILE else path, parameter, None)
    refused(world.run("lock", "--state", path), 2, "Invalid value for '--state': the path")


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_all_paths_of_apt_with_an_odd_character(prepared: World, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = prepared.folder / odd
    for name in ("temporary", "parent"):
        (folder / name).mkdir(parents=True)
    for name in ("keyrings", "auth"):
        shutil.copy(places(prepared)[name], folder)
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    online = (
        "--manifest", str(prepared.manifest(MANIFEST, f"{odd}.toml")), "--state", str(folder / "state"),
        "--mirror", f"ubuntu={prepared.server.uri}", "--keyring", f"ubuntu={folder / 'keys.gpg'}",
        "--auth-file", str(folder / "passwords"),
    )  # fmt: skip
    cache = ("--cache", str(folder / "cache"))
    runs = [
        prepared.run("lock", *online),
        prepared.run("build", *online, "--output", str(folder / "cache")),
        prepared.run("lock", *online, "--upgrade", "editor"),
        prepared.run("check", *cache, "--root", str(prepared.folder / "root"), "--state", str(folder / "state")),
        prepared.run("stage", "edit", *cache, "--to", str(folder / "staged")),
        prepared.run("verify", *cache),
    ]
    assert [status for status, _, _ in runs] == [0] * len(runs), [err for _, _, err in runs]
    assert list((folder / "temporary").iterdir()) == []


@pytest.mark.parametrize("transport", ["oci", "oci-archive"])
def test_paths_in_references(prepared: World, transport: str) -> None:
    folder = prepared.folder / ALL_AT_ONCE.replace(":", "")  # which ends a path there
    folder.mkdir()
    (prepared.folder / "linked 'here'").symlink_to(folder)
    with chdir(prepared.folder):
        for place in (str(folder), folder.name, "linked 'here'"):
            reference = f"{transport}:{place}/image:v1"
            assert prepared.run("image", "--state", "state", "--output", reference)[::2] == (0, "")
            status, _, err = prepared.run("check", "edit", "--state", "state", "--image", reference)
            assert status == 21, err  # it was read: there is no dpkg in it
            (folder / "image").unlink() if transport == "oci-archive" else shutil.rmtree(folder / "image")


def test_a_folder_to_lock_for(prepared: World) -> None:
    root = shutil.copytree(prepared.folder / "root", prepared.folder / ALL_AT_ONCE)
    online = words(prepared, "lock", "state", "state")
    with chdir(prepared.folder):
        for place in (str(root), root.name):
            assert prepared.run(*online)[::2] == (0, "")
            assert prepared.run(*online, "--for", place)[::2] == (0, "")


VARIABLES = ("PACKAGE_CACHE_STATE", "XDG_CACHE_HOME", "HOME", "GNUPGHOME", "TMPDIR", "PACKAGE_CACHE_AUTH")


@pytest.mark.parametrize("form", ["odd", "relative"])
@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable(prepared: World, variable: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PACKAGE_CACHE_STATE", "XDG_CACHE_HOME", "GNUPGHOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(prepared.folder / "home"))
    monkeypatch.setenv("PACKAGE_CACHE_AUTH", str(prepared.folder / "passwords"))
    place = prepared.folder / ALL_AT_ONCE
    place.mkdir(mode=0o755)
    if variable == "PACKAGE_CACHE_AUTH":
        place = Path(shutil.copy(prepared.folder / "passwords", place))
    monkeypatch.chdir(prepared.folder)
    monkeypatch.setenv(variable, str(place if form == "odd" else place.relative_to(prepared.folder)))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert prepared.run("outdated", *prepared.sources)[::2] == (16, "")
    if variable in ("PACKAGE_CACHE_STATE", "XDG_CACHE_HOME", "HOME") and (form == "odd" or "STATE" in variable):
        assert [*place.rglob("lists")] != []


def test_a_variable_that_is_no_path_is_refused(prepared: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKAGE_CACHE_STATE", "a\nb")
    status, _, err = prepared.run("outdated", "--manifest", str(places(prepared)["manifest"]))
    assert status == 2
    assert err.startswith("error: cannot use PACKAGE_CACHE_STATE: the path 'a\\nb' has control characters")
