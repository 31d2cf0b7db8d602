"""The recipes of docs/recipes: their commands, and what of them is neither a manifest nor a pod."""

import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from containers.registry import loopback_registry
from tests.deploy.manifests import FOLDER, SKYPILOT, pod_specs
from tests.deploy.test_install_script import APT
from tests.deploy.test_manifests import validate
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb
from tests.support.keys import throwaway_key
from tests.support.world import World, made_world

from package_cache.process import Completed, run

PROJECT = FOLDER.parent
PAGES = sorted((PROJECT / "docs/recipes").glob("*.md"))
FEATURE = FOLDER / "devcontainer/package-cache"
FELL_BACK = "apt-get update\napt-get install -y --no-install-recommends -- wanted other\n"
MANIFEST = "ssh,ubuntu18.04,openssh-client openssh-server\n"


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path / "world", capfd) as made:
        yield made


def commands(page: Path) -> list[tuple[str, str]]:
    """Return the commands of a page's first block, each with its comment."""
    block = re.search(r"^((?: {4}.*\n)+)", page.read_text(), re.MULTILINE)
    assert block
    pairs = [line.partition("  # ") for line in block[1].splitlines()]
    return [(command.strip(), comment) for command, _, comment in pairs]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_recipe_is_at_most_five_commands(page: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is run here, or says why it is not. The images have no busybox, which a distribution has as a package."""
    shown = commands(page)
    assert 1 < len(shown) <= 5
    clone = clone_for(world)
    key = throwaway_key("cache")
    monkeypatch.setenv("GNUPGHOME", str(key.home))
    monkeypatch.setenv("PACKAGE_CACHE_MIRRORS", f"ubuntu={world.server.uri}")
    monkeypatch.setenv("PACKAGE_CACHE_STATE", str(world.folder / "state"))
    monkeypatch.chdir(clone)
    with loopback_registry(world.folder / "registry") as registry:
        for command, comment in shown:
            line = command.replace("FINGERPRINT", key.fingerprint).replace("registry.example", registry.host)
            words = shlex.split(line.replace("--form init ", ""))
            if "not run" in comment:
                assert words[0] in {"devcontainer", "kubectl", "pipx", "sky"}
            elif words[0] == "package-cache":
                keys = [world.sources[0]] if words[1] == "build" else []
                status, _, err = world.run(*words[1:], *keys)
                assert status == 0, f"{command}\n{err}"
            else:
                run(words)
    for name in re.findall(r"--fill (\S+)", "\n".join(command for command, _ in shown)):
        text = (clone / name).read_text()
        assert f"{registry.host}/package-cache:init@sha256:" in text
        assert "localhost:5000" not in text
        assert 'value: "" # expect' not in text


def clone_for(world: World) -> Path:
    """Make a clone, and a project beside it; its manifests are for the one OS release of the small archive."""
    (world.folder / "project/.devcontainer").mkdir(parents=True)
    clone = world.folder / "clone"
    shutil.copytree(FOLDER, clone / "deploy")
    (clone / "package_cache_info").write_text(MANIFEST)
    names = {"openssh-client", "openssh-server"}
    for manifest in clone.glob("deploy/recipes/*.toml"):
        text = re.sub(r"ubuntu\d\d\.04", "ubuntu18.04", manifest.read_text())
        manifest.write_text(text)
        names |= {name for group in tomllib.loads(text)["group"] for name in group["packages"]}
    for name in sorted(names):
        world.add(name)
    world.archive.publish()
    return clone


PROGRAMS = {
    "rsync": "/usr/bin/rsync", "curl": "/usr/bin/curl", "wget": "/usr/bin/wget", "netcat-openbsd": "/bin/nc",
    "gcc": "/usr/bin/gcc", "patch": "/usr/bin/patch", "pciutils": "/usr/bin/lspci",
    "openssh-server": "/usr/sbin/sshd", "ca-certificates": "", "libc6-dev": "",
}  # fmt: skip
"""What SkyPilot's setup looks for, by the packages that have it."""


def test_skypilot_finds_its_programs(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    [group] = tomllib.loads((FOLDER / "recipes/skypilot.toml").read_text())["group"]
    assert set(group["packages"]) == PROGRAMS.keys()
    made = [
        make_deb(debs, f"sky-{name}", Provides=name, files={path: "#!/bin/sh\n"} if path else None)
        for name, path in PROGRAMS.items()
    ]
    cache.add(group["name"], [deb.name.partition("_")[0] for deb in made], made)
    room = open_room(cache, at="/package_cache")
    [line] = yaml.safe_load(SKYPILOT.read_text())["kubernetes"]["post_provision_runcmd"]
    look = "command -v " + " ".join(Path(path).name for path in PROGRAMS.values() if path) + " | wc -l"
    assert int(room.sh(look)) < 8
    room.container.run(["bash", "-c", f"{line} && [ $({look}) = 8 ]"])


def test_the_part_of_a_pod_of_skypilot_is_valid() -> None:
    [spec] = pod_specs(SKYPILOT)
    validate({"apiVersion": "v1", "kind": "Pod", "spec": spec}, "1.28")
    assert [container["name"] for container in spec["containers"]] == ["ray-node"]


def test_the_feature_has_the_fields_of_its_schema() -> None:
    """An extract of the published schema, which allows no other fields: what this feature uses of it."""
    feature = json.loads((FEATURE / "devcontainer-feature.json").read_text())
    options = feature.pop("options")
    assert feature.keys() == {"id", "version", "name", "description"}
    assert {type(value) for value in feature.values()} == {str}
    assert feature["id"] == FEATURE.name
    script = (FEATURE / "install.sh").read_text()
    for name, option in options.items():
        assert {"type", "default"} <= option.keys() <= {"type", "default", "description", "proposals"}
        assert (option["type"], type(option["default"])) == ("string", str)
        assert f"${{{name.upper()}" in script


Build = Callable[..., tuple[Room, Completed]]


@pytest.fixture
def build(cache: SyntheticCache, debs: Path, tmp_path: Path, open_room: OpenRoom) -> Build:
    """Build the feature in a new room with options; the cache lies in its folder, or (False) only in the image."""
    for group, package in {"tools": "wanted", "more": "other"}.items():
        cache.add(group, [package], [make_deb(debs, package)])

    def build_it(copied: bool = True, *, apt: bool = True, **options: str) -> tuple[Room, Completed]:
        folder = tmp_path / f"feature-{copied}-{len(options)}"
        shutil.copytree(FEATURE, folder)
        if copied:
            shutil.copytree(cache.path, folder / "package_cache")
        room = open_room(cache, at="/opt/package_cache", binds={"/feature": folder})
        if not apt:
            room.container.run(["sh", "-c", 'printf %s "$1" >/usr/bin/apt-get', "sh", APT])
        return room, room.container.run(["/feature/install.sh"], env=options, check=False)

    return build_it


def test_the_feature_installs_from_a_cache(build: Build) -> None:
    for options in ({"INSTALL": "tools,more"}, {"INSTALL": "tools more", "CACHE": "/opt/package_cache"}):
        room, done = build("CACHE" not in options, FALLBACK="", **options)
        assert (done.returncode, done.stderr) == (0, "")
        assert room.state("wanted", "other") == {"wanted": "ii 1.0", "other": "ii 1.0"}


def test_the_feature_fails_or_falls_back(build: Build) -> None:
    _, done = build(INSTALL="")
    assert (done.returncode, done.stderr) == (2, "package-cache: the feature's option install names no group\n")
    _, done = build(False, INSTALL="tools")
    assert (done.returncode, "there is no cache at /feature/package_cache" in done.stderr) == (30, True)
    _, done = build(INSTALL="cuda", FALLBACK="")
    assert (done.returncode, "the cache has no group cuda" in done.stderr) == (10, True)
    _, done = build(False, apt=False, INSTALL="tools", FALLBACK="wanted other")
    assert (done.returncode, done.stdout) == (0, FELL_BACK)
