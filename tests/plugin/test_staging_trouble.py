"""A job never suffers from its cache: what goes wrong while staging is a warning, and the fallback serves."""

import stat
from pathlib import Path

import pytest
from tests.plugin.conftest import MakeCommand
from tests.plugin.shells import run_in

from package_cache import try_to_install_by_cache


def test_the_caches_own_installer_is_put_on_the_volume(make_command: MakeCommand, tmp_path: Path) -> None:
    make_command()
    installer = tmp_path / "it's work" / "runtime.d" / "install_group.sh"
    assert installer.read_bytes() == (tmp_path / "the cache" / "install_group.sh").read_bytes()
    assert stat.S_IMODE(installer.stat().st_mode) == 0o755
    assert [path.name for path in installer.parent.iterdir()] == ["install_group.sh"]


def test_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("PACKAGE_CACHE_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PAI_WORK_DIR", str(tmp_path / "work"))
    result = run_in("dash", try_to_install_by_cache("ssh", ["echo fallback"]), tmp_path)
    assert (result.returncode, result.stdout) == (0, "fallback\n")
    assert "not by the cache" in result.stderr
    assert "cannot stage group ssh, so its fallback commands will run" in caplog.text


def test_a_volume_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "work").write_text("a file where a folder should be")
    monkeypatch.setenv("PACKAGE_CACHE_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PAI_WORK_DIR", str(tmp_path / "work"))
    result = run_in("dash", try_to_install_by_cache("ssh", ["echo fallback"]), tmp_path)
    assert (result.returncode, result.stdout) == (0, "fallback\n")
    assert "cannot stage group ssh" in caplog.text
