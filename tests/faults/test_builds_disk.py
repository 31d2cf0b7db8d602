"""Disks under `build`, `stage` and `lock` that are full, without inodes, or read-only."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.published import judge_done, judge_refused, judge_visible
from tests.faults.spread import spread
from tests.faults.test_builds import MakeTrial
from tests.faults.writers import VERBS, Trial
from tests.support.lab import Isolation

from package_cache.exit_codes import ExitStatus
from package_cache.process import run
from package_cache.sandbox.namespaces import Holder, hold

pytestmark = pytest.mark.injection
KIB = [round(64 * 1.75**step) for step in range(10)]
"""Sizes of the disk: from 64 KiB to 9.9 MB, less than what all verbs write."""
INODES = [2, 3, 4, 6, 9, 14, 18, 22, 26, 30]
SETUP = """
mount -t proc proc /proc
cd {folder}; mount -t tmpfs -o size=64m tmpfs {folder}; cp -a . {folder}; cd {folder}
space=$(df -k --output=used . | tail -n 1); inodes=$(df --output=iused . | tail -n 1)
mount -o remount,size=$((space + {kib}))k,nr_inodes=$((inodes + {inodes})) {folder}; cd /
"""
"""Covers a folder with a tmpfs that holds the same and has so much free."""
GROW = "mount -o remount,size=512m,nr_inodes=200k {folder}"


@dataclass
class Disk:
    """A small disk under the folder that a verb writes to, in a mount namespace of its own."""

    holder: Holder
    folder: Path

    @property
    def seen(self) -> Path:
        """The folder, as it is seen from outside."""
        return Path(f"/proc/{self.holder.pid}/root{self.folder}")

    def sh(self, line: str) -> None:
        """Run a line of shell there."""
        run([*self.holder.enter, "sh", "-c", line])


PutOnDisk = Callable[..., Disk]


@pytest.fixture
def put_on_disk(isolation: Isolation) -> Iterator[PutOnDisk]:
    """Put what a trial writes on a tmpfs that has so much free: `put_on_disk(trial, kib=64)`."""
    with contextlib.ExitStack() as stack:

        def put(trial: Trial, *, kib: int = 65536, inodes: int = 9999, folder: Path | None = None) -> Disk:
            folder = folder or trial.target.parent
            folder.mkdir(exist_ok=True)
            setup = SETUP.format(folder=folder, kib=kib, inodes=inodes).strip().splitlines()
            user = isolation is Isolation.USER_NAMESPACE
            holder = stack.enter_context(hold(setup, ["--mount", "--pid"], user=user))
            trial.prefix = (*holder.enter, "env", "-C", "/")
            return Disk(holder, folder)

        yield put


def try_and_repair(trial: Trial, disk: Disk, expected: ExitStatus, repair: str = GROW, *, may_do: bool = False) -> None:
    """Run a verb on a broken disk, judge it, repair the disk, and check that the command then succeeds."""
    done = trial.run()
    if not (may_do and done.returncode == 0):
        judge_refused(done, expected, disk.folder)
    inside = trial.target.is_relative_to(disk.folder)
    at = disk.seen / trial.target.relative_to(disk.folder) if inside else None
    judge_visible(trial, at)
    disk.sh(repair.format(folder=disk.folder))
    judge_done(trial, trial.run(), at)


@pytest.mark.parametrize("verb", ["build", "stage"])
@pytest.mark.parametrize(("kib", "replacing"), spread([(kib, bool(step % 2)) for step, kib in enumerate(KIB)], 3))
def test_a_disk_that_is_small(kib: int, replacing: bool, verb: str, trial: MakeTrial, put_on_disk: PutOnDisk) -> None:
    one = trial(verb, replacing=replacing)
    try_and_repair(one, put_on_disk(one, kib=kib), ExitStatus.NO_SPACE, may_do=kib > 4000)


@pytest.mark.parametrize("verb", ["build", "stage"])
@pytest.mark.parametrize(("inodes", "replacing"), spread([(n, bool(step % 2)) for step, n in enumerate(INODES)], 2))
def test_a_disk_without_inodes(
    inodes: int, replacing: bool, verb: str, trial: MakeTrial, put_on_disk: PutOnDisk
) -> None:
    one = trial(verb, replacing=replacing)
    try_and_repair(one, put_on_disk(one, inodes=inodes), ExitStatus.NO_SPACE, may_do=inodes > 9)


@pytest.mark.parametrize("kib", spread([0, 4, 8, 16, 24, 32, 48, 64, 96, 128], 2))
def test_a_lock_on_a_disk_that_is_small(kib: int, trial: MakeTrial, put_on_disk: PutOnDisk) -> None:
    one = trial("lock", replacing=kib % 3 == 0)
    folder = one.folder / "state" if kib % 16 else None  # where lists are kept, or where all is
    try_and_repair(one, put_on_disk(one, kib=kib, folder=folder), ExitStatus.NO_SPACE, may_do=kib > 16)


@pytest.mark.parametrize("replacing", [False, True])
@pytest.mark.parametrize("verb", VERBS)
def test_a_disk_that_is_read_only(verb: str, replacing: bool, trial: MakeTrial, put_on_disk: PutOnDisk) -> None:
    one = trial(verb, replacing=replacing)
    disk = put_on_disk(one)
    disk.sh(f"mount -o remount,ro {disk.folder}")
    try_and_repair(one, disk, ExitStatus.READ_ONLY, "mount -o remount,rw {folder}")


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_of_somebody_else(verb: str, trial: MakeTrial, put_on_disk: PutOnDisk) -> None:
    one = trial(verb, replacing=False)
    disk = put_on_disk(one)
    disk.sh(f"chmod 555 {disk.folder}")
    one.prefix = (*one.prefix, "setpriv", "--bounding-set", "-dac_override")  # what lets root write everywhere
    try_and_repair(one, disk, ExitStatus.READ_ONLY, "chmod 755 {folder}")
