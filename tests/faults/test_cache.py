"""Caches that are damaged, half there, not there, too new, or that vanish in the middle of it."""

import itertools
from collections.abc import Callable

import pytest
from tests.faults.conftest import RealJob
from tests.faults.fault import Fault, inject
from tests.faults.job import BUSYBOX, Job
from tests.faults.judge import conclude, judge
from tests.faults.spread import spread
from tests.faults.state import look
from tests.support.lab import Isolation

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
SYSTEMS = ["ubuntu16.04", "ubuntu18.04"]
DAMAGED = (ExitStatus.CACHE_DAMAGED,)

DAMAGES = {
    "truncated": "truncate -s -7 {file}",
    "altered": "printf '\\377' | dd of={file} bs=1 seek=$(($(stat -c %s {file}) / 2)) conv=notrunc status=none",
    "missing": "rm {file}",
    "empty": ": > {file}",
    "a folder": "rm {file}; mkdir {file}",
    "a pipe that nobody writes to": "rm {file}; mkfifo {file}",
    "unreadable": "chown 65534 {file}; chmod 000 {file}",
}
HIDE = "mv {file} /tmp/hidden && cp -p /tmp/hidden {file}"
SHOW = "rm -rf {file}; mv /tmp/hidden {file}"


def files_in_use(job: Job) -> list[str]:
    """Return the files of the cache that this container needs: of the group, and of the pool what is not there yet."""
    here = f"""
for name in amd64.group Packages Release; do ls {job.cache}/groups/*/$name; done
apt-get -qq update; apt-get -qq --print-uris install {" ".join(job.requests)} |
    sed 's|.*/pool/\\([0-9a-f]*[.]deb\\).*|{job.cache}/pool/\\1|'
rm -rf /var/lib/apt/lists /var/cache/apt/*.bin; mkdir -p /var/lib/apt/lists/partial"""
    return job.room.sh(here).split()


@pytest.mark.parametrize(("how", "system"), spread(list(itertools.product(DAMAGES, SYSTEMS)), 7))
def test_each_file_in_turn(how: str, system: str, real_job: RealJob, injections: Callable[[int], None]) -> None:
    job = real_job(system, "ssh", own_cache=True)
    files = spread(files_in_use(job), 4)
    if how == "unreadable":
        drop_the_right_to_read_all(job)
    before = look(job)
    for count, file in enumerate(files, 1):
        injections(count)
        job.room.sh(HIDE.format(file=file))
        job.room.sh(DAMAGES[how].format(file=file))
        done = job.run()
        job.room.sh(SHOW.format(file=file))
        name = file.rpartition("/")[2]
        judge(job, done, before, allowed=DAMAGED, says=name)
    conclude(job, ExitStatus.CACHE_DAMAGED)


def drop_the_right_to_read_all(job: Job) -> None:
    """Make the container's root one that file permissions hold for, as on a network file system that maps root."""
    if job.room.container.isolation is Isolation.USER_NAMESPACE:
        pytest.skip("who enters a user namespace has all rights in it")
    job.drop("dac_override,dac_read_search")


def meanwhile(lines: str) -> str:
    """Return the line by which something happens as soon as the installer has begun to change something."""
    wait = f"until [ -e /var/lib/package-cache ]; do {BUSYBOX} usleep 2000; done"
    return f"({wait}; {lines}) </dev/null >/dev/null 2>&1 &"


MISSING, TOO_NEW = (ExitStatus.CACHE_MISSING,), (ExitStatus.CACHE_TOO_NEW,)
NO_GROUP = (ExitStatus.NO_SUCH_GROUP,)
NO_GROUPS = "the folder /own is no cache: it has no groups"
NO_MOUNT = "no installer at /own/install_group.sh: is the volume mounted?"
OTHER_INDEX = "cat /cache/groups/nfs-*/Packages | tee /own/groups/*/Packages"
NEWER = """
for f in /own/groups/*/*.group; do
    old=$(sha256sum <$f); sed -i 's/^format 1$/format 2/' $f; new=$(sha256sum <$f)
    sed -i "s/${old%% *}/${new%% *}/" ${f%/*}/Release
done"""
UNMOUNTED = "cp -a /own /own2; mount --bind /own2 /own; " + meanwhile("umount -l /own")
IN_THE_MIDDLE = (ExitStatus.INSTALLED, ExitStatus.INSTALL_FAILED, ExitStatus.CACHE_DAMAGED)
FAULTS = [
    Fault("an empty mount", "mount -t tmpfs -o ro tmpfs /own", MISSING, NO_MOUNT),
    Fault("the installer and nothing else", "rm -rf /own/pool /own/groups /own/package-cache.json", MISSING, NO_GROUPS),
    Fault("half staged: no group yet", "rm -rf /own/groups/*", NO_GROUP, "the cache has no group ssh"),
    Fault("half staged: no pool yet", "rm -rf /own/pool", DAMAGED, ".deb is missing"),
    Fault("half staged: a part of the pool", "rm /own/pool/[0-7]*", DAMAGED, ".deb is missing"),
    Fault("no description", "rm /own/package-cache.json"),
    Fault("an index of another group", OTHER_INDEX, DAMAGED, "Packages"),
    Fault("an index that is nonsense", "echo nonsense | tee /own/groups/*/Packages", DAMAGED, "Packages"),
    Fault("a Release that is nonsense", "echo nonsense | tee /own/groups/*/Release", DAMAGED, "Release is cut short"),
    Fault("a Release that is long", "yes nonsense | head -c 500000 | tee /own/groups/*/Release >/dev/null", DAMAGED),
    Fault("the format of a newer version", NEWER, TOO_NEW, "the cache's format is 2, this installer reads 1"),
    Fault("removed while installing", meanwhile("rm -rf /own"), IN_THE_MIDDLE),
    Fault("unmounted while installing", UNMOUNTED, IN_THE_MIDDLE, heal="umount -l /own 2>/dev/null; rm -rf /own2"),
    Fault("emptied while installing", meanwhile("for f in /own/pool/*; do : > $f; done"), IN_THE_MIDDLE),
    Fault("read-only", "mount --bind /own /own; mount -o remount,bind,ro /own"),
    Fault("on another file system", "mount -t tmpfs tmpfs /mnt; cp -a /own/. /mnt; mount --move /mnt /own"),
    Fault("noexec", "mount --bind /own /own; mount -o remount,bind,noexec /own"),
    Fault("behind a link", "mv /own /elsewhere; ln -s elsewhere /own"),
    Fault("files of another user", "chown -R 12345:12345 /own"),
]


@pytest.mark.parametrize(("fault", "system"), spread(list(itertools.product(FAULTS, SYSTEMS)), 12), ids=str)
def test_a_cache_that_is_odd(fault: Fault, system: str, real_job: RealJob) -> None:
    inject(real_job(system, "ssh", own_cache=True), fault)
