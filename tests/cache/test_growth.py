"""What a verb opens and starts grows with the group that is asked for, not with the cache.

Seconds are for ./run bench; what is counted here is the same on every machine.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.faults.writers import run_in_process
from tests.support.synthetic_cache import make_project

from package_cache.process import Completed

FEW, MANY = 3, 30


class _Ear:
    """Counts, by the audit events of Python (PEP 578), what is opened below a folder and which processes start."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.opened: list[str] = []
        self.started: list[str] = []
        sys.addaudithook(self._hear)  # for ever: there is no way to remove one

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in ("open", "os.listdir", "os.scandir"):
            path = str(arguments[0])
            if path.startswith("/proc/self/fd/"):  # as filesystem/confined.py opens what it has found
                path = str(Path(path).readlink())
            if path.startswith(f"{self.folder}/"):
                self.opened.append(str(Path(path).relative_to(self.folder)))
        if event == "subprocess.Popen":
            self.started.append(" ".join(map(str, arguments[1])))

    @contextmanager
    def listening(self, folder: Path) -> Iterator[None]:
        self.opened, self.started, self.folder = [], [], folder
        try:
            yield
        finally:
            self.folder = None


@pytest.fixture(scope="session")
def ear() -> _Ear:
    return _Ear()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two built caches, `few` and `many`, that differ in nothing but the number of their groups."""
    folder = tmp_path_factory.mktemp("growth")
    for name, groups in (("few", FEW), ("many", MANY)):
        make_project(folder / name, groups)
        assert build(folder / name).returncode == 0
    return folder


def build(project: Path) -> Completed:
    words = ["--manifest", str(project / "package_cache_info"), "--output", str(project / "package_cache")]
    return run_in_process(["build", *words])


@pytest.mark.parametrize(
    ("line", "least"),
    [("stage group1 --to {to}", 31), ("list", 1), ("show group1", 1)],  # each package file that is staged is opened
)
def test_as_much_is_opened_in_a_cache_of_many(line: str, least: int, shelf: Path, ear: _Ear, tmp_path: Path) -> None:
    opened = {}
    for name in ("few", "many"):
        cache = shelf / name / "package_cache"
        with ear.listening(cache):
            done = run_in_process([*line.format(to=tmp_path / name).split(), "--cache", str(cache)])
        assert done.returncode == 0, done.stderr
        opened[name] = sorted(ear.opened)
    assert opened["many"] == opened["few"]
    assert len(opened["few"]) >= least


def test_a_build_without_change_reads_each_file_once_and_starts_nothing(shelf: Path, ear: _Ear) -> None:
    cache = shelf / "many" / "package_cache"
    with ear.listening(cache):
        assert build(shelf / "many").returncode == 0
    assert ear.started == []
    groups = [path for path in ear.opened if path.startswith("groups/")]
    assert len(groups) == len(set(groups)) == 4 * MANY  # each file once, to compare its digest
    packages = [path for path in ear.opened if path.startswith("pool/")]
    assert len(packages) == len(set(packages)) == len(list((cache / "pool").iterdir()))


def test_a_build_with_one_more_group_hashes_the_others_once(shelf: Path, ear: _Ear, tmp_path: Path) -> None:
    """A process for each package that was there would make minutes in a large cache."""
    project = tmp_path / "project"
    shutil.copytree(shelf / "many", project)
    before = {path.name for path in (project / "package_cache" / "pool").iterdir()}
    make_project(project, MANY + 1)
    with ear.listening(project / "package_cache"):
        assert build(project).returncode == 0
    told = [word for line in ear.started for word in line.split() if word.endswith(".deb")]
    opened = [name for path in ear.opened if (name := Path(path).name) in before]
    assert sorted(opened) == sorted(before)
    assert {Path(path).name for path in told}.isdisjoint(before)
    assert len(set(told)) == 10
