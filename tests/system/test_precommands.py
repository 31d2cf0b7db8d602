"""Precommands in a real root: a second signed repository on loopback, a failure, a bound."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.check.layouts import base, package
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer
from tests.support.world import toml_group

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

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("bionic")]


Repository = tuple[SignedArchive, str]


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Repository]:
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


def lock(tmp_path: Path, state: Path, precommands: str, keep: Keep | None = None, listener: Listener = ignore) -> Lock:
    return make_lock(manifest(tmp_path, precommands), Options(state), listener, keep=keep)


def adding(repository: Repository) -> str:
    """Return precommands that add a repository and its key."""
    archive, uri = repository
    key = archive.armoured_keyring.read_text().replace("\n", "\\n")
    return (
        f"printf -- '{key}' >/etc/apt/trusted.gpg.d/second.asc; "
        f"echo 'deb {uri} stable main' >/etc/apt/sources.list.d/second.list"
    )


def test_a_package_of_a_repository_that_was_added(tmp_path: Path, state: Path, second: Repository) -> None:
    [system] = lock(tmp_path, state, adding(second)).systems
    [tool] = [package for package in system.packages if package.name == "our-tool"]
    assert tool.version == "2.0"
    assert {item.name: item.uri for item in system.repositories}[tool.repository] == second[1].rstrip("/")
    assert "libc6" in {package.name for package in system.packages}


def test_a_lock_is_kept_also_for_images_and_outdated_tells(tmp_path: Path, state: Path, second: Repository) -> None:
    archive, _ = second
    words = f": >/etc/apt/sources.list; {adding(second)}"  # whose many lists each of the runs would fetch
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


def test_sources_that_cannot_be_read_are_named(tmp_path: Path, state: Path, second: Repository) -> None:
    missing = f"{second[1]}/nothing"
    words = f": >/etc/apt/sources.list; echo 'deb {missing} stable main' >/etc/apt/sources.list.d/second.list"
    with pytest.raises(ArchiveError) as caught:
        lock(tmp_path, state, words)
    begin = "cannot go on: apt cannot read the sources that the precommands of group 'tool' (line 1) added: E: "
    assert caught.value.message.startswith(begin)
    assert missing in caught.value.message


def test_a_failure_shows_its_output(tmp_path: Path, state: Path) -> None:
    with pytest.raises(PrecommandError) as caught:
        lock(tmp_path, state, "echo one, two; false; echo never")
    assert "the precommands of group 'tool' (line 1) ended with status 1" in str(caught.value)
    assert "one, two" in caught.value.details
    assert "never" not in caught.value.details


def test_one_that_hangs_is_stopped_at_the_bound(tmp_path: Path, state: Path) -> None:
    with pytest.raises(PrecommandError, match="did not end within 2 s"):
        make_lock(manifest(tmp_path, "sleep 3600"), Options(state, precommand_timeout=2))


def test_answers_to_debconf_are_not_lost_silently(tmp_path: Path, state: Path, second: Repository) -> None:
    told: list[Event] = []
    answers = ("our-tool our-tool/where string here and there", "our-tool our-tool/secret password hunter2")
    script = "; ".join(f"echo {answer} | debconf-set-selections" for answer in answers)
    lock(tmp_path, state, f"{adding(second)}; {script}", listener=told.append)
    warnings = [event.text for event in told if isinstance(event, Warn)]
    assert warnings == [
        "the precommands' answer to our-tool/secret is not carried: a cache is not secret: everyone who has it would"
        " read the password; let the job set it, by debconf-set-selections before the installer runs",
        "the precommands' answers to debconf are not carried: write in the group's table of package-cache.toml: "
        'debconf = [{ package = "our-tool", question = "our-tool/where", type = "string", value = "here and there" }]',
    ]
    table = warnings[1].partition("toml: ")[2]
    path = tmp_path / "package-cache.toml"
    path.write_text(f"{toml_group('t', 'our-tool')}{table}\n")
    assert [str(answer) for answer, _ in read_manifest(path).groups[0].debconf] == [answers[0]]
