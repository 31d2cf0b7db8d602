"""Disks that are full, or fill up, or cannot be written to, or run out of inodes."""

import pytest
from tests.faults.conftest import InjectIn, RealJob
from tests.faults.fault import READ_ONLY, Fault, inject, on_real_jobs, on_systems, policy
from tests.faults.job import BUSYBOX, Job
from tests.faults.judge import conclude, judge
from tests.faults.state import look
from tests.support.lab import Isolation

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
SIZES = [round(1.17**step * 500) for step in range(30)]
"""KiB free before the run: from half a megabyte to 47 MB, of which all groups here take less than 40."""
LEFT = [0, *(round(1.3**step * 8) for step in range(29))]
"""KiB that another process leaves free in the middle of the run: from nothing to 12 MB."""
FULL = (ExitStatus.INSTALLED, ExitStatus.NO_SPACE)
FILLED = (ExitStatus.INSTALLED, ExitStatus.NO_SPACE, ExitStatus.INSTALL_FAILED)

FOLDERS = "usr var etc lib lib64 bin sbin root run tmp"
MOUNT = """
mkdir -p /small; mount -t tmpfs -o {limits} tmpfs /small
for name in {folders}; do
    [ -d /$name ] && [ ! -L /$name ] || continue
    mkdir -p /small/$name.upper /small/$name.work
    chmod --reference=/$name /small/$name.upper
    mount -t overlay overlay -o "lowerdir=/$name,upperdir=/small/$name.upper,workdir=/small/$name.work{user}" /$name
done
"""
GROW = "mount -o remount,size=512m,nr_inodes=200k tmpfs /small; rm -f /small/eaten*"


def small_disk(job: Job, *, kib: int, inodes: int = 200_000) -> None:
    """Put the container on a disk of that size, on top of what it has."""
    user = ",userxattr" if job.room.container.isolation is Isolation.USER_NAMESPACE else ""
    limits = f"size={kib}k,nr_inodes={inodes}"
    job.room.sh(MOUNT.format(limits=limits, folders=FOLDERS, user=user))


def eat(job: Job, *, kib: int) -> None:
    """Make another process fill that disk up to `kib` free as soon as the installer has begun to change something."""
    script = f"""
until [ -e /var/lib/package-cache ]; do {BUSYBOX} usleep 2000; done
free=$({BUSYBOX} df -k /small | {BUSYBOX} tail -n 1 | {BUSYBOX} awk '{{ print $4 }}')
[ "$free" -le {kib} ] || {BUSYBOX} dd if=/dev/zero of=/small/eaten bs=1024 count=$((free - {kib}))
"""
    job.room.start([BUSYBOX, "sh", "-c", script])


@on_real_jobs("kib", SIZES, 6)
def test_a_disk_that_is_small(kib: int, job: tuple[str, str], real_job: RealJob) -> None:
    trial = real_job(*job)
    small_disk(trial, kib=kib)
    before = look(trial)
    conclude(trial, judge(trial, trial.run(), before, allowed=FULL), GROW)


@on_real_jobs("kib", LEFT, 6)
def test_a_disk_that_fills_up(kib: int, job: tuple[str, str], real_job: RealJob) -> None:
    trial = real_job(*job)
    small_disk(trial, kib=100 * 1024)
    eat(trial, kib=kib)
    before = look(trial)
    conclude(trial, judge(trial, trial.run(), before, allowed=FILLED), GROW)


@on_real_jobs("inodes", [60, 120, 250, 500], 2)
def test_a_disk_without_inodes(inodes: int, job: tuple[str, str], real_job: RealJob) -> None:
    trial = real_job(*job)
    small_disk(trial, kib=100 * 1024, inodes=inodes)
    before = look(trial)
    conclude(trial, judge(trial, trial.run(), before, allowed=FILLED), GROW)


PLACES = "/run /tmp /var/tmp /dev/shm"
TINY = "mount -t tmpfs -o size=64k tmpfs"
ROOM = "mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp"
RO, RW = "mount -o remount,ro /", "mount -o remount,rw /"
NO_SPACE = (ExitStatus.NO_SPACE,)
NO_PLACE = "no place for temporary files has"
FAULTS = [
    Fault("a root that is read-only", f"{ROOM}; {RO}", READ_ONLY, "read-only", RW),
    Fault(
        "a root that is read-only and no place for temporary files but shared memory", RO, READ_ONLY, "read-only", RW
    ),
    Fault("a tmp of which nothing may run", "mount -t tmpfs -o noexec tmpfs /tmp"),
    Fault("all temporary places noexec", f"for p in {PLACES}; do mount -t tmpfs -o noexec tmpfs $p; done"),
    Fault("no tmp", "rm -rf /tmp"),
    Fault("no temporary places", "rm -rf /tmp /var/tmp; umount /dev/shm && rmdir /dev/shm"),
    Fault("a tiny dev shm", f"{TINY} /dev/shm"),
    Fault(
        "only tiny temporary places", f"for p in {PLACES}; do {TINY} $p; done", NO_SPACE, NO_PLACE, f"umount {PLACES}"
    ),
    Fault("a tiny run and a TMPDIR with room", f"{TINY} /run; mkdir /big", env={"TMPDIR": "/big"}),
]
ON_A_DISK = "mount -t tmpfs -o {0} tmpfs /mnt; cp -a /usr/sbin/. /mnt; mount --move /mnt /usr/sbin;"
FILL = "while echo x >/usr/sbin/full.$((n = ${n:-0} + 1)); do :; done 2>/dev/null; :"
NONE, YES, NO = "", policy("exit 0", 711), policy("exit 101")
FULL_POLICIES = [
    Fault(f"a full sbin, {name}", ON_A_DISK.format(limits) + policy + FILL, NO_SPACE, "space", "umount -l /usr/sbin")
    for name, limits, policy in (
        ("no policy, no blocks", "size=40m", NONE),
        ("no policy, no inodes", "nr_inodes=700", NONE),
        ("a policy that says yes, no blocks", "size=40m", YES),
        ("a policy that says yes, no inodes", "nr_inodes=700", YES),
    )
]
FULL_POLICIES.append(Fault("a full sbin, a policy that says no", ON_A_DISK.format("size=40m") + NO + FILL))


@on_systems(FULL_POLICIES, 3)
def test_a_policy_on_a_disk_that_is_full(fault: Fault, system: str, inject_in: InjectIn) -> None:
    inject_in(system, fault)


@on_real_jobs("fault", FAULTS, 9)
def test_a_disk_that_is_odd(fault: Fault, job: tuple[str, str], real_job: RealJob) -> None:
    inject(real_job(*job), fault)
