"""Small disks: the folders of a container that packages and their scripts write to, on a tmpfs of a size."""

from tests.faults.job import BUSYBOX, Job
from tests.support.lab import Isolation

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
