"""Disks that fill up, by blocks or by inodes, at every phase of a replay."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.conftest import RealJob
from tests.faults.job import LIMIT
from tests.faults.judge import Terms, conclude, judge
from tests.faults.replay import EARLY, FINISH, GROUP, SYSTEM, Point, assert_equal, by_dpkg, go_on, run_to
from tests.faults.spread import spread
from tests.faults.state import look
from tests.faults.writers import ended
from tests.support.lab import Isolation

from package_cache.exit_codes import ExitStatus
from package_cache.process import run

pytestmark = pytest.mark.injection
FULL = (ExitStatus.INSTALLED, ExitStatus.NO_SPACE, ExitStatus.INSTALL_FAILED)
RENAMES = Terms(cannot_be_undone="what was renamed cannot go back, and the rest needs space")
MiB = 1 << 20
Disk = Callable[..., Path]


@pytest.fixture
def disk(tmp_path: Path, isolation: Isolation) -> Iterator[Disk]:
    """Mount a disk of tmpfs(5), or one in a file: `disk("size=100m")`, `disk(kind="ext4")`."""
    if isolation is Isolation.USER_NAMESPACE:
        pytest.skip("only root can mount a disk that is seen from outside")
    mounted: list[str] = []

    def mount(options: str = "size=100m,nr_inodes=20k", kind: str = "tmpfs") -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        source = "tmpfs"
        if kind != "tmpfs":
            source, options = str(folder.with_suffix(".img")), "loop"
            run(["truncate", "--size", "400M", source])
            run([f"mkfs.{kind}", "-q", source])
        run(["mount", "-t", kind, "-o", options, source, str(folder)])
        mounted.append(str(folder))
        return folder

    yield mount
    for folder in mounted:
        run(["umount", "--lazy", folder])


def no_blocks(disk: Path) -> None:
    """Leave no byte on a disk."""
    with (disk / "eaten").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(MiB))
    with (disk / "more").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x")


def no_inodes(disk: Path) -> None:
    """Leave no inode on a disk."""
    (disk / "eaten").mkdir()
    with pytest.raises(OSError, match="No space left"):
        for number in itertools.count():
            (disk / "eaten" / str(number)).touch()


def heal(disk: Path) -> None:
    """Free the space again."""
    run(["rm", "-rf", str(disk / "eaten"), str(disk / "more")])


ROWS = list(itertools.product([*EARLY, *FINISH], [no_blocks, no_inodes]))


@pytest.mark.parametrize(("point", "eat"), spread(ROWS, 5), ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_disk_that_fills_up(point: Point, eat: Callable[[Path], None], disk: Disk, replay_job: RealJob) -> None:
    reference = by_dpkg(replay_job)
    small = disk()
    job = replay_job(SYSTEM, GROUP, change=point.stop, written=small)
    before = look(job)
    process = run_to(job, point)
    eat(small)
    go_on(job)
    done = ended(process, LIMIT)
    status = judge(job, done, before, allowed=FULL, terms=RENAMES if point.is_final else Terms())
    heal(small)
    conclude(job, status)
    if status is not ExitStatus.INSTALLED:
        job.run()
    assert_equal(job, reference, done.stdout + done.stderr)


SIZES = [round(1.2**step * 3) for step in range(20)]
"""MiB: from 3 to 96."""


@pytest.mark.parametrize("mib", spread(SIZES, 1))
def test_a_disk_that_is_small(mib: int, disk: Disk, replay_job: RealJob) -> None:
    reference = by_dpkg(replay_job)
    small = disk(f"size={mib}m")
    job = replay_job(SYSTEM, GROUP, written=small)
    before = look(job)
    done = job.run()
    status = judge(job, done, before, allowed=FULL)
    run(["mount", "-o", "remount,size=200m", str(small)])
    conclude(job, status)
    assert_equal(job, reference, done.stdout + done.stderr)


@pytest.mark.parametrize("kind", spread(["ext4", "tmpfs"], 1))
def test_what_it_is_written_to(kind: str, disk: Disk, replay_job: RealJob) -> None:
    reference = by_dpkg(replay_job)
    job = replay_job(SYSTEM, GROUP, written=disk("size=200m", kind))
    before = look(job)
    done = job.run()
    judge(job, done, before, says="by a recording of ")
    assert_equal(job, reference, done.stdout + done.stderr)
