"""The busybox of the init form: kept for a month, then looked for again, and used all the same where that fails."""

import os
import shutil
import time
from pathlib import Path

import pytest

from package_cache.apt.isolated import PAUSES
from package_cache.errors import PackageCacheError
from package_cache.events import Event, Warn
from package_cache.image.busybox import MAX_AGE, static_busybox
from package_cache.lock.file import read_lock_file
from package_cache.releases.os_release import read_os_release
from package_cache.settings import Options

OWN = read_os_release()["ID"]
NOBODY = dict.fromkeys((OWN, f"{OWN}-security"), ("http://127.0.0.1:1/",))


@pytest.fixture
def options(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    """A state that keeps one, and no mirror that answers, however long it is waited for."""
    static_busybox("amd64", Options(state))
    shutil.copytree(state / "busybox", tmp_path / "busybox")
    monkeypatch.setattr("package_cache.apt.isolated.PAUSES", tuple(0.0 for _ in PAUSES))
    return Options(tmp_path, mirrors=NOBODY)


def test_one_that_is_kept_needs_no_archive_and_is_of_this_machines_release(options: Options) -> None:
    told: list[Event] = []
    made = static_busybox("amd64", options, told.append)
    assert made.files["bin/busybox" if "bin/busybox" in made.files else "usr/bin/busybox"][:4] == b"\x7fELF"
    assert any(name.endswith("copyright") for name in made.files)
    assert not [event for event in told if isinstance(event, Warn)]
    own = read_os_release()  # its release, where there are newer ones
    lock = read_lock_file(options.state / "busybox" / "amd64" / "package-cache.lock")
    assert [str(system.system) for system in lock.systems] == [f"{own['ID']}{own['VERSION_ID']} amd64"]


def test_an_old_one_is_used_where_no_newer_can_be_looked_for(options: Options) -> None:
    lock = options.state / "busybox" / "amd64" / "package-cache.lock"
    old = time.time() - MAX_AGE - 60
    os.utime(lock, (old, old))
    told: list[Event] = []
    assert static_busybox("amd64", options, told.append).files
    (warning,) = [event.text for event in told if isinstance(event, Warn)]
    assert warning.startswith("busybox-static could not be brought up to date: cannot ")


def test_without_one_and_without_an_archive_there_is_an_error(options: Options) -> None:
    shutil.rmtree(options.state / "busybox")
    with pytest.raises(PackageCacheError, match="cannot reach any mirror of"):
        static_busybox("amd64", options)
