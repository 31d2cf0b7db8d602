"""A job never suffers from its cache: what goes wrong while staging is a warning, and the fallback serves."""

from pathlib import Path

import pytest
from tests.plugin.shells import run_in

from package_cache import try_to_install_by_cache


@pytest.mark.parametrize("volume", ["writable", "not a folder"])
def test_no_cache(
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
