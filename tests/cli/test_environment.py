"""What the environment has to say, and what it has not; and the own sources of a host that runs what is asked for.

More of these sources: tests/releases/test_host_mirrors.py.
"""

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND
from tests.support.proxy import apt_told
from tests.support.world import World, toml_group

from package_cache.cli.options import given_options
from package_cache.errors import UsageError
from package_cache.releases import mirrors

EDIT = toml_group("edit", "editor")
DEAD = "http://127.0.0.1:9/nothing"


@pytest.mark.parametrize("place", ["the manifest", "the environment", "the command line"])
def test_each_place_overrides_those_before(world: World, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    live = world.server.uri
    world.manifest(f"{EDIT}[mirrors]\nubuntu = [{(live if place == 'the manifest' else DEAD)!r}]\n")
    if place != "the manifest":
        monkeypatch.setenv("PACKAGE_CACHE_MIRRORS", f"ubuntu={live if place == 'the environment' else DEAD}")
    assert world.online("lock", mirror=live if place == "the command line" else None)[::2] == (0, "")


@pytest.mark.parametrize("umask", [0o002, 0o077], ids=oct)
def test_the_callers_umask_changes_nothing(umask: int, world: World) -> None:
    world.manifest(EDIT)
    trees = []
    for number, each in enumerate([0o022, umask]):
        words = ["build", "--output", f"cache{number}", "--state", f"state{number}", *world.sources]
        subprocess.run([*COMMAND, *words], umask=each, check=True, cwd=world.folder)
        made = [*(world.folder / f"cache{number}").rglob("*"), world.folder / "package-cache.lock"]
        trees.append({path.name: oct(path.stat().st_mode) for path in made if path.suffix != ".deb"})
    assert trees[0] == trees[1]


@pytest.mark.parametrize("value", ["relative", "", None])
@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_a_relative_folder_is_ignored(variable: str, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PACKAGE_CACHE_STATE", "XDG_CACHE_HOME", "GNUPGHOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/the/home")
    home = pwd.getpwuid(os.getuid()).pw_dir if variable == "HOME" else "/the/home"
    if value is None:
        monkeypatch.delenv(variable, raising=False)
    else:
        monkeypatch.setenv(variable, value)
    options = given_options()
    assert (str(options.state), str(options.gnupg)) == (f"{home}/.cache/package-cache", f"{home}/.gnupg")


def test_absolute_folders_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PACKAGE_CACHE_STATE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/the/cache")
    monkeypatch.setenv("GNUPGHOME", "/the/keys")
    options = given_options()
    assert (str(options.state), str(options.gnupg)) == ("/the/cache/package-cache", "/the/keys")


def test_folders_of_ours_and_of_gpg_may_be_relative(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACKAGE_CACHE_STATE", "state")
    monkeypatch.setenv("GNUPGHOME", "keys")
    options = given_options()
    assert (options.state, options.gnupg) == (tmp_path / "state", tmp_path / "keys")


def test_a_user_without_a_home_names_the_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("HOME", "PACKAGE_CACHE_STATE", "XDG_CACHE_HOME", "GNUPGHOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="this user has no home"):
        given_options()
    assert given_options(tmp_path).gnupg is None


@pytest.fixture
def host(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A machine with Ubuntu, whose sources are a disc, a list on a dead server and a list of its own."""
    monkeypatch.setattr(mirrors, "read_os_release", lambda _: {"ID": "ubuntu"})
    (world.folder / "list").write_text(f"http://127.0.0.1:9/ubuntu\tpriority:2\n{world.server.uri}/\tpriority:1\n")
    sources = world.folder / "sources.list"
    sources.write_text(
        "deb cdrom:[Ubuntu 18.04 _Bionic_]/ bionic main\n"
        "deb mirror+http://127.0.0.1:9/list bionic main\n"
        f"deb mirror+file:{world.folder}/list bionic main universe\n"
    )
    lines = ('Dir::Etc::sourceparts "/dev/null";', f'Dir::Etc::sourcelist "{sources}";')
    mirrors._host_targets.cache_clear()
    with apt_told(*lines, folder=world.folder, monkeypatch=monkeypatch):
        yield world
    mirrors._host_targets.cache_clear()


def test_unsupported_sources_cause_a_warning(host: World) -> None:
    host.manifest("edit,ubuntu18.04,editor\n")
    status, _, err = host.online("lock", mirror=None)
    assert (status, err.splitlines()) == (
        0,
        [
            f"warning: this machine's own apt source {uri} is left out: it is not the plain URI of a mirror"
            for uri in ("cdrom://Ubuntu 18.04 _Bionic_", "mirror+http://127.0.0.1:9/list")
        ],
    )
    assert "/dists/bionic/InRelease" in host.server.requests
    assert host.online("build", "--output", str(host.cache), mirror=None)[::2] == (0, "")
    (host.folder / "package-cache.lock").unlink()
    assert host.online("lock")[::2] == (0, "")  # no warning if the user names a mirror
