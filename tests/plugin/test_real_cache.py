"""With a real cache and the real installer: what is staged is what the command finds."""

import errno
import os
import stat
from pathlib import Path

import pytest
from tests.installer.synthetic import SyntheticCache
from tests.plugin.shells import SHELLS, run_in
from tests.support.debs import make_deb

from package_cache import try_to_install_by_cache
from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.layout import CacheFolder
from package_cache.filesystem.paths import sha256_of, text_digest
from package_cache.installer import install_group

ELSEWHERE = "debian1"
"""No machine that runs this is a Debian 1: the installer must say so."""


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume, with a real cache at hand that has the group `tools` for another system than this machine's."""
    deb = make_deb(tmp_path, "tool")
    made = SyntheticCache(tmp_path / "cache", ELSEWHERE)
    digests = {path.name: sha256_of(path) for path in made.add("tools", ["tool"], [deb]).iterdir()}
    group = DescribedGroup("tools", ELSEWHERE, ("amd64",), ("tool",), "original", 1, deb.stat().st_size, digests)
    description = Description("2020-01-01T00:00:00Z", "a test", "", "", "", text_digest(install_group()))
    description.with_groups([group], {sha256_of(deb): deb.stat().st_size}).write(CacheFolder(made.path))
    monkeypatch.setenv("PACKAGE_CACHE_DIR", str(made.path))
    monkeypatch.setenv("PAI_WORK_DIR", str(tmp_path / "work"))
    return tmp_path / "work"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("group", "status", "why"),
    [
        ("tools", 11, "the group tools is not for "),
        (
            "nothing",
            10,
            "it was not staged: cannot find the group 'nothing' in the cache; hint: the groups there are: tools",
        ),
    ],
)
def test_a_miss_prints_its_reason(group: str, status: int, why: str, shell: str, volume: Path) -> None:
    result = run_in(shell, try_to_install_by_cache(group, ["echo fallback"]), volume.parent)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "fallback")
    *said, last = result.stderr.splitlines()
    assert why in next(line for line in said if line.startswith(f"package-cache: cannot install {group}"))
    assert last == f"package-cache: {group}: not by the cache (status {status}): running the fallback"


def test_group_and_installer_are_on_the_volume(volume: Path, caplog: pytest.LogCaptureFixture) -> None:
    try_to_install_by_cache("tools")
    installer = volume / "runtime.d" / "install_group.sh"
    assert installer.read_bytes() == (volume.parent / "cache" / "install_group.sh").read_bytes()
    assert stat.S_IMODE(installer.stat().st_mode) == 0o755
    assert [path.name for path in installer.parent.iterdir()] == ["install_group.sh"]
    assert (volume / "package_cache" / "groups" / f"tools-{ELSEWHERE}" / "amd64.group").is_file()
    assert not caplog.records


def test_an_altered_installer_never_reaches_the_volume(volume: Path, caplog: pytest.LogCaptureFixture) -> None:
    altered = volume.parent / "cache" / "install_group.sh"
    altered.write_text("touch /altered\n")
    try_to_install_by_cache("tools")
    assert "altered" in caplog.text
    assert altered.read_bytes() != (volume / "runtime.d" / "install_group.sh").read_bytes()


def test_a_group_that_the_cache_lacks_is_a_warning(volume: Path, caplog: pytest.LogCaptureFixture) -> None:
    try_to_install_by_cache("nothing")
    assert "cannot stage group nothing, so its fallback commands will run: cannot find the group" in caplog.text


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("text", ["touch {}/altered\n", install_group() + "\n", install_group().replace("\n", "\r\n")])
def test_an_altered_installer_on_the_volume_does_not_run(text: str, shell: str, volume: Path) -> None:
    command = try_to_install_by_cache("tools")
    (volume / "runtime.d" / "install_group.sh").write_text(text.replace("{}", str(volume.parent)))
    result = run_in(shell, command, volume.parent)
    assert (result.returncode, (volume.parent / "altered").exists()) == (33, False)
    assert "install_group.sh is not the file that was staged (SHA-256)" in result.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_a_trace_of_the_callers_shell_does_not_show_the_installer(shell: str, volume: Path) -> None:
    result = run_in(shell, f"set -x\n{try_to_install_by_cache('tools')}", volume.parent)
    assert "the group tools is not for " in result.stderr
    assert len(result.stderr) < 10_000


def test_what_was_staged_before_serves_where_the_volume_is_full(
    volume: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = try_to_install_by_cache("tools")
    monkeypatch.setattr("package_cache.stage.publish", _no_space)
    assert try_to_install_by_cache("tools") == before
    assert "No space left on device" in caplog.text


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("volume", ["writable", "not a folder"])
def test_trouble_while_staging_is_a_warning_and_the_fallback_serves(
    volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if volume == "not a folder":
        (tmp_path / "work").write_text("a file")
    monkeypatch.setenv("PACKAGE_CACHE_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PAI_WORK_DIR", str(tmp_path / "work"))
    result = run_in("dash", try_to_install_by_cache("ssh", ["echo fallback"]), tmp_path)
    assert (result.returncode, result.stdout) == (0, "fallback\n")
    assert "package-cache: ssh: not by the cache (status 30): running the fallback\n" in result.stderr
    assert "cannot stage group ssh, so its fallback commands will run" in caplog.text
