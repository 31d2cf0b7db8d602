"""The state folder: what others may have put there is not used, and others may not look into it."""

import os
from pathlib import Path

import pytest

from package_cache.errors import UsageError
from package_cache.filesystem.state import private_folder


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o750, 0o700])
def test_a_folder_of_ours_becomes_private(mode: int, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    assert private_folder(tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_new_one_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = private_folder(tmp_path / "a/b/state")
    finally:
        os.umask(before)
    assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_one_that_others_may_write_to_is_refused(mode: int, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    with pytest.raises(UsageError, match=f"others may write to it .mode {mode:04o}."):
        private_folder(tmp_path / "state")


@pytest.mark.parametrize("by", ["folder", "link"])
def test_one_of_another_user_is_refused(by: str, tmp_path: Path) -> None:
    other = tmp_path / "other" if os.geteuid() == 0 else Path("/usr")
    if os.geteuid() == 0:
        other.mkdir(mode=0o700)
        os.chown(other, 12345, 12345)
    place = other
    if by == "link":
        place = tmp_path / "link"
        place.symlink_to(other)
    with pytest.raises(UsageError, match="it belongs to the user"):
        private_folder(place)


def test_a_home_that_is_the_root_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in many containers: only the folder in it has to be ours."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    assert private_folder(tmp_path / "home/.cache/package-cache").is_dir()


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o750])
def test_a_folder_that_others_read_is_not_closed_to_them(mode: int, tmp_path: Path) -> None:
    """It may be a home, or one of the system's."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/file").touch()
    (tmp_path / "home").chmod(mode)
    with pytest.raises(UsageError, match=f"others may read it .mode {mode:04o}., and it is not empty"):
        private_folder(tmp_path / "home")
    assert (tmp_path / "home").stat().st_mode & 0o777 == mode
