"""Precommands in a real root: a second signed repository on loopback, a failure, a bound."""

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.check.layouts import base, package
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer

from package_cache.errors import ArchiveError, PrecommandError
from package_cache.events import Event, Listener, Warn, ignore
from package_cache.lock.model import Lock, LockedImage
from package_cache.manifest import read_manifest
from package_cache.manifest.model import Manifest, Where
from package_cache.outdated import outdated
from package_cache.resolve.groups import make_lock
from package_cache.resolve.image_overrides import ImageToLock, lock_for_images
from package_cache.resolve.upgrade_policy import Keep
from package_cache.settings import Options

pytestmark = pytest.mark.system


@pytest.fixture
def second_repository(tmp_path: Path) -> Iterator[tuple[SignedArchive, str]]:
    (tmp_path / "debs").mkdir(exist_ok=True)
    archive = SignedArchive(tmp_path / "archive")
    archive.add(make_deb(tmp_path / "debs", "our-tool", "2.0", depends="libc6"))
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        yield archive, server.uri


def manifest(tmp_path: Path, precommands: str) -> Manifest:
    path = tmp_path / "package_cache_info"
    path.write_text(f"tool,ubuntu18.04,our-tool,{precommands}\n")
    return read_manifest(path)


def lock(
    tmp_path: Path,
    state: Path,
    precommands: str,
    timeout: float = 300.0,
    keep: Keep | None = None,
    listener: Listener = ignore,
) -> Lock:
    options = Options(state, precommand_timeout=timeout)
    return make_lock(manifest(tmp_path, precommands), options, listener, keep=keep)


def adding(repository: tuple[SignedArchive, str]) -> str:
    """Return precommands that add a repository and its key."""
    archive, uri = repository
    key = archive.armoured_keyring.read_text().replace("\n", "\\n")
    return (
        f"printf -- '{key}' >/etc/apt/trusted.gpg.d/second.asc; "
        f"echo 'deb {uri} stable main' >/etc/apt/sources.list.d/second.list"
    )


def test_a_package_comes_from_the_repository_that_a_precommand_added(
    tmp_path: Path, state: Path, real_root: Callable[..., Path], second_repository: tuple[SignedArchive, str]
) -> None:
    real_root("ubuntu18.04")  # skips where the archive does not answer
    [system] = lock(tmp_path, state, adding(second_repository)).systems
    [tool] = [package for package in system.packages if package.name == "our-tool"]
    assert tool.version == "2.0"
    assert {item.name: item.uri for item in system.repositories}[tool.repository] == second_repository[1].rstrip("/")
    assert "libc6" in {package.name for package in system.packages}


def test_what_is_locked_can_be_kept_for_images_too_and_what_is_newer_is_told(
    tmp_path: Path, state: Path, real_root: Callable[..., Path], second_repository: tuple[SignedArchive, str]
) -> None:
    real_root("ubuntu18.04")
    archive, _ = second_repository
    words = f": >/etc/apt/sources.list; {adding(second_repository)}"  # whose many lists each of the runs would fetch
    pins = "printf 'Package: our-tool our-data\\nPin: version 1.*\\nPin-Priority: 900\\n' >/etc/apt/preferences.d/ours"

    def publish(*versions: str) -> None:
        for version in versions:
            archive.add(make_deb(tmp_path / "debs", "our-tool", version, depends=f"our-data (= {version})"))
            archive.add(make_deb(tmp_path / "debs", "our-data", version))
        archive.publish()

    publish("1.0", "3.0")
    before = lock(tmp_path, state, words)
    assert [item.version for item in before.systems[0].packages if item.name == "our-tool"] == ["3.0"]
    publish("4.0")
    assert lock(tmp_path, state, words, keep=Keep(before)).systems == before.systems
    (tmp_path / "status").write_text(str(base(package("our-data", "4.0"))["var/lib/dpkg/status"]))
    image = ImageToLock(LockedImage("job"), Where(status=tmp_path / "status", system="ubuntu18.04"))
    for_both = lock_for_images(before, [image], manifest(tmp_path, words), Options(state))
    assert "our-tool_3.0_all" in for_both.systems[0].groups[0].packages
    assert "our-tool_4.0_all" in for_both.systems[0].groups[0].images[0].packages
    pinned = lock(tmp_path, state, f"{words}; {pins}", keep=Keep(before, packages=frozenset({"our-tool", "our-data"})))
    assert [item.version for item in pinned.systems[0].packages if item.name == "our-tool"] == ["1.0"]
    found = outdated(before, manifest(tmp_path, words), Options(state), datetime.date(2026, 1, 1))
    [tool] = [item for item in found.systems[0].packages if item.name == "our-tool"]
    assert (tool.locked, tool.newest, tool.suites, tool.groups) == ("3.0", "4.0", ("stable",), ("tool",))


def test_sources_of_precommands_that_cannot_be_read_are_named_with_their_group(
    tmp_path: Path, state: Path, real_root: Callable[..., Path], second_repository: tuple[SignedArchive, str]
) -> None:
    real_root("ubuntu18.04")
    missing = f"{second_repository[1]}/nothing"
    words = f": >/etc/apt/sources.list; echo 'deb {missing} stable main' >/etc/apt/sources.list.d/second.list"
    with pytest.raises(ArchiveError) as caught:
        lock(tmp_path, state, words)
    begin = "cannot go on: apt cannot read the sources that the precommands of group 'tool' (line 1) added: E: "
    assert caught.value.message.startswith(begin)
    assert missing in caught.value.message


def test_a_precommand_that_fails_stops_it_and_shows_its_output(
    tmp_path: Path, state: Path, real_root: Callable[..., Path]
) -> None:
    real_root("ubuntu18.04")
    with pytest.raises(PrecommandError) as caught:
        lock(tmp_path, state, "echo one, two; false; echo never")
    assert "the precommands of group 'tool' (line 1) ended with status 1" in str(caught.value)
    assert "one, two" in caught.value.details
    assert "never" not in caught.value.details


def test_a_precommand_that_hangs_is_stopped_at_the_bound(
    tmp_path: Path, state: Path, real_root: Callable[..., Path]
) -> None:
    real_root("ubuntu18.04")
    with pytest.raises(PrecommandError, match="did not end within 2 s"):
        lock(tmp_path, state, "sleep 3600", timeout=2)


def test_answers_that_precommands_give_debconf_are_not_lost_silently(
    tmp_path: Path, state: Path, real_root: Callable[..., Path], second_repository: tuple[SignedArchive, str]
) -> None:
    real_root("ubuntu18.04")
    told: list[Event] = []
    answers = ("our-tool our-tool/where string here and there", "our-tool our-tool/secret password hunter2")
    script = "; ".join(f"echo {answer} | debconf-set-selections" for answer in answers)
    lock(tmp_path, state, f"{adding(second_repository)}; {script}", listener=told.append)
    warnings = [event.text for event in told if isinstance(event, Warn)]
    assert warnings == [
        "the precommands' answer to our-tool/secret is not carried: a cache is not secret: everyone who has it would"
        " read the password; let the job set it, by debconf-set-selections before the installer runs",
        "the precommands' answers to debconf are not carried: write in the group's table of package-cache.toml: "
        'debconf = [{ package = "our-tool", question = "our-tool/where", type = "string", value = "here and there" }]',
    ]
    table = warnings[1].partition("toml: ")[2]
    path = tmp_path / "package-cache.toml"
    path.write_text(f'[[group]]\nname = "t"\nsystems = ["ubuntu18.04"]\npackages = ["our-tool"]\n{table}\n')
    assert [str(answer) for answer, _ in read_manifest(path).groups[0].debconf] == [answers[0]]
