"""The source archive and the wheel: what they hold, and the command from the wheel in an empty environment."""

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.world import made_world

from package_cache.cache.description import Description
from package_cache.cache.layout import CacheFolder
from package_cache.process import run
from package_cache.releases.os_release import read_os_release

PROJECT = Path(__file__).parents[1]
FOLDERS = ["bench", "ci", "containers", "deploy", "docs", "examples", "hosts", "runtime", "src", "tests"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a source archive, and of the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(PROJECT)], timeout=600)
    return folder


def test_twine_accepts_both(built: Path) -> None:
    done = run([sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())], timeout=60)
    assert done.stdout.count("PASSED") == 2


def test_the_source_archive_has_every_file_of_the_project(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        packed = {name.partition("/")[2] for name in opened.getnames()}
    files = [path for folder in FOLDERS for path in (PROJECT / folder).rglob("*") if path.is_file()]
    needed = {str(path.relative_to(PROJECT)) for path in files if "__pycache__" not in path.parts}
    needed |= {"run", ".ci/run", "action.yml", "package_cache_info", "pyproject.toml"}
    needed |= {"README.md", "CHANGELOG.md", "LICENSE"}
    assert needed - packed == set()


def test_the_wheel_has_every_file_of_the_package(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        packed = set(opened.namelist())
    files = [path for path in (PROJECT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {str(path.relative_to(PROJECT / "src")) for path in files} - packed == set()


def test_the_wheel_locks_builds_and_installs(built: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run([sys.executable, "-m", "venv", str(tmp_path / "venv")], timeout=120)
    (wheel,) = built.glob("*.whl")
    run([str(tmp_path / "venv/bin/pip"), "install", "--quiet", str(wheel)], timeout=600)
    command = str(tmp_path / "venv/bin/package-cache")
    own = "{ID}{VERSION_ID}".format(**read_os_release())
    installable = SyntheticCache(tmp_path / "own", own)
    installable.add("base", ["dpkg", "apt"], [make_deb(tmp_path / "debs", "unneeded")])
    Description("2026-01-01T00:00:00+00:00", "test", "manifest", "", "", "", ()).write(CacheFolder(installable.path))
    with made_world(tmp_path, capfd) as world:
        manifest = str(world.manifest("edit,ubuntu18.04,editor\n"))
        online = ["--manifest", manifest, "--state", str(tmp_path / "state"), *world.sources]
        run([command, "lock", *online], timeout=120)
        run([command, "build", *online, "--output", str(world.cache)], timeout=120)
    assert (world.cache / "groups/edit-ubuntu18.04/Packages").read_text().count("Package: ") == 2
    done = run([command, "install", "base", "--cache", str(installable.path)], timeout=120)
    assert done.stdout == "package-cache: base: already there, nothing to do\n"
