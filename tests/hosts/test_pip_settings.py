"""What a container is told of pip's configuration: variables, and the places of this machine that they name."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from containers.pip import pip_settings


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local index with one wheel, a file of constraints with a blank in its path, and pip's configuration of them."""
    wheel = tmp_path / "mirror/files/tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    page = tmp_path / "mirror/simple/tiny/index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../files/{wheel.name}">{wheel.name}</a>')
    (tmp_path / "the constraints").write_text("tiny<2\n")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "pip.conf").write_text(
        f"[global]\ncert = {tmp_path}/the constraints\ntimeout = 9\ncache-dir = {tmp_path}/wheels\n"
        f"index-url = file://{tmp_path}/mirror/simple\n"
        f"find-links =\n    {tmp_path}/wheels\n    {tmp_path}/none\n[install]\ntimeout = 8\n[freeze]\nall = true\n"
    )
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_NO_INPUT", "1")
    return tmp_path


def test_all_of_the_configuration_that_a_container_can_use(configured: Path) -> None:
    environment, paths = pip_settings()
    expected = {
        "PIP_CERT": f"{configured}/the constraints", "PIP_TIMEOUT": "8", "PIP_NO_INPUT": "1",
        "PIP_INDEX_URL": f"file://{configured}/mirror/simple",
        "PIP_FIND_LINKS": f"{configured}/wheels {configured}/none",
    }  # fmt: skip
    assert environment.items() >= expected.items()
    assert not {"PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PIP_ALL"} & environment.keys()
    below = {path for path in paths if path.is_relative_to(configured)}
    assert below == {configured / "the constraints", configured / "mirror", configured / "wheels"}


def test_pip_finds_packages_with_nothing_but_these_variables(configured: Path) -> None:
    environment, paths = pip_settings()
    assert any((configured / "mirror/files/tiny-1.0-py3-none-any.whl").is_relative_to(path) for path in paths)
    argv = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(configured / "got"), "tiny"]
    env = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, **environment}
    subprocess.run(argv, env=env, cwd="/", capture_output=True, check=True)
    assert (configured / "got/tiny-1.0-py3-none-any.whl").is_file()
