"""Containers, caches and variables that are not as where it was recorded: a replay is equal, or dpkg installs."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.faults.conftest import RealJob
from tests.faults.fault import FAILED, Fault, inject
from tests.faults.judge import Terms, conclude, judge
from tests.faults.recorded import RECORDED, recorded
from tests.faults.replay import GROUP, NOT_USED, REPLAYED, SYSTEM, assert_equal, by_dpkg
from tests.faults.spread import spread
from tests.faults.state import look

from package_cache.cache.layout import CacheFolder
from package_cache.exit_codes import ExitStatus
from package_cache.sandbox.container import sandbox

pytestmark = pytest.mark.injection
PERHAPS = (ExitStatus.INSTALLED, ExitStatus.INSTALL_FAILED)
REFUSED = NOT_USED.format(SYSTEM)
UNREAD = "the recording is not used: "
OTHER_FILE = "is not the file that was there when it was recorded"
LISTING = "does not list what it listed when it was recorded"


def noticed(name: str, cause: str, reason: str, before: str = REFUSED, **fields: Any) -> Fault:
    """Return a fault for which dpkg installs, and the reason is said."""
    return Fault(name, cause, says=f"{before}{reason}", options="--verbose", **fields)


CONDITIONS = [
    noticed("a path that dpkg excludes", "echo 'path-exclude=/usr/share/doc/*' >/etc/dpkg/dpkg.cfg.d/excludes",
            f"/etc/dpkg/dpkg.cfg.d {LISTING}"),
    noticed("another setting of dpkg", "echo no-debsig >>/etc/dpkg/dpkg.cfg", f"/etc/dpkg/dpkg.cfg {OTHER_FILE}"),
    noticed("an alternative", "update-alternatives --install /usr/bin/rsh rsh /bin/true 100 2>/dev/null >&2",
            "/etc/alternatives/rsh is there"),
    noticed("another user", "useradd -r another", "/etc/gshadow- is there"),
    noticed("another group", "echo another:x:777: >>/etc/group", f"/etc/group {OTHER_FILE}"),
    noticed("the same user", "useradd -r -u 777 -d /run/sshd -s /usr/sbin/nologin sshd", "/etc/"),
    noticed("a diversion", "dpkg-divert --local --rename --add /usr/bin/ssh-keyscan >/dev/null",
            f"/var/lib/dpkg/diversions {OTHER_FILE}"),
    noticed("a mode that the user wants", "dpkg-statoverride --add root root 700 /usr/bin/scp",
            f"/var/lib/dpkg/statoverride {OTHER_FILE}"),
    noticed("libraries of the user, and ldconfig", "echo /opt/lib >/etc/ld.so.conf.d/mine.conf; mkdir -p /opt/lib; "
            "cp -L /lib/x86_64-linux-gnu/libz.so.1 /opt/lib/libz.so.1; ldconfig", f"/etc/ld.so.cache {OTHER_FILE}"),
    noticed("a file that a script reads", "echo '# mine' >>/etc/adduser.conf", f"/etc/adduser.conf {OTHER_FILE}"),
    noticed("a file that a script looks for", "mkdir -p /etc/selinux; : >/etc/selinux/config",
            "/etc/selinux/config is there"),
    noticed("a folder that a script lists", "ln -s ../init.d/procps /etc/rc2.d/S01procps", f"/etc/rc2.d {LISTING}"),
    noticed("a conffile of the group", "mkdir /etc/ssh; echo '# mine' >/etc/ssh/ssh_config", "/etc/ssh is there"),
]  # fmt: skip
"""Each of them changes what dpkg and its scripts do."""

TRAPS = [
    Fault("options of tar", says=REPLAYED, env={"TAR_OPTIONS": "--exclude=*"}),
    Fault("a library of the user", "cp -L /lib/x86_64-linux-gnu/libz.so.1 /usr/local/lib/libz.so.1", says=REPLAYED),
    Fault("libraries of the user without ldconfig", "echo /opt/lib >/etc/ld.so.conf.d/mine.conf; mkdir -p /opt/lib; "
          "cp -L /lib/x86_64-linux-gnu/libz.so.1 /opt/lib/libz.so.1", says=REPLAYED),
    noticed("users that are mounted", "mount --bind /etc/passwd /etc/passwd", "/etc/passwd is a mount",
            expected=FAILED, heal="umount -l /etc/passwd", writes=["/etc/.pwd.lock", "/etc/passwd+"]),
    noticed("the cache of libraries, mounted", "mount --bind /etc/ld.so.cache /etc/ld.so.cache",
            "/etc/ld.so.cache is a mount", expected=FAILED, heal="umount -l /etc/ld.so.cache",
            writes=["/etc/ld.so.cache~"], cannot_be_undone="no trigger of libc-bin can replace a mount"),
    noticed("dpkg's folder, mounted", "cp -a /var/lib/dpkg /own-d; mount --bind /own-d /var/lib/dpkg",
            "/var/lib/dpkg/alternatives is on another mount than /var/lib/package-cache"),
    noticed("tar of busybox", "cp -p /bin/tar /bin/gtar; cp /busybox /bin/tar",
            "there is no GNU tar of version 1.28 or later here", UNREAD, expected=FAILED, heal="mv /bin/gtar /bin/tar"),
    noticed("no perl where it is looked for", "mv /usr/bin/perl /usr/bin/perl5; ln -s /nowhere /usr/bin/perl",
            "there is no /usr/bin/perl here", UNREAD, expected=FAILED, heal="mv /usr/bin/perl5 /usr/bin/perl"),
]  # fmt: skip
"""Each was seen to break a replay that did not know of it."""

RECORDING = f"/own/groups/{GROUP}-{SYSTEM}/recording.*.deb"
POOL_FILE = "/own/pool/$({0}).deb"
A_PACKAGE = (
    f"dpkg-deb --ctrl-tarfile {RECORDING} | tar -xOf - ./debs | awk '$1 != \"over\" {{{{print $2}}}}' | sed -n {{0}}p"
)
RESTATED = f"""
new=$(sha256sum {RECORDING}); new=${{new%% *}}
old=$(sed -n '/recording[.]amd64[.]/s/^ *\\([0-9a-f]*\\).*/\\1/p' /own/groups/*/Release)
sed -i "s/$old/$new/" /own/groups/*/Release"""


def byte(file: str, offset: str) -> str:
    """Return lines of shell that alter one byte of a file."""
    return f"f=$(echo {file}); printf '\\377' | dd of=$f bs=1 seek={offset} conv=notrunc 2>/dev/null"


def damaged(name: str, cause: str, says: str) -> Fault:
    """Return a fault of the cache."""
    return Fault(name, cause, (ExitStatus.CACHE_DAMAGED,), says)


ITS_RELEASE, DAMAGED = "is not the file that its Release states", "the cache is damaged"
UNDONE = "this was undone, and dpkg installs"
DAMAGE: list[tuple[str, str, Callable[[str], str]]] = [
    ("altered at its end", UNDONE, lambda file: byte(file, "$(($(stat -c %s $f) - 10))")),
    ("altered in the middle", UNDONE, lambda file: byte(file, "$(($(stat -c %s $f) / 2))")),
    ("with more", UNDONE, lambda file: f"echo more >>{file}"),
    ("cut short", UNDONE, lambda file: f"truncate -s -1000 {file}"),
    ("missing", "is missing", lambda file: f"rm {file}"),
]
ALTERED = [
    damaged("a recording's lists", byte(RECORDING, "200"), ITS_RELEASE),
    damaged("a recording's files", byte(RECORDING, "$(($(stat -c %s $f) - 1000))"), ITS_RELEASE),
    damaged("a recording that is cut short", f"truncate -s -1000 {RECORDING}", ITS_RELEASE),
    damaged("a recording that is empty", f"f=$(echo {RECORDING}); : >$f", "is empty"),
    damaged("a recording with more", f"f=$(echo {RECORDING}); echo more >>$f", ITS_RELEASE),
    damaged("a Release of another recording",
            f"sed -i '/recording[.]amd64/s/[0-9a-f]\\{{64\\}}/{'0' * 64}/' /own/groups/*/Release", ITS_RELEASE),
    damaged("a Release without the recording", "sed -i '/recording[.]amd64/d' /own/groups/*/Release", ""),
    damaged("lists that cannot be unpacked, as stated", byte(RECORDING, "132") + RESTATED, DAMAGED),
    damaged("no recording's content, as stated", f"f=$(echo {RECORDING}); echo x >$f" + RESTATED, DAMAGED),
    *(damaged(f"package {number}, {name}", how(POOL_FILE.format(A_PACKAGE.format(number))), says)
      for number in (1, 7, 13)
      for name, says, how in DAMAGE),
]  # fmt: skip
FILES_CUT = Fault("files that are cut short, as stated", byte(RECORDING, "$(($(stat -c %s $f) - 1000))") + RESTATED,
                  says=UNDONE)  # fmt: skip
"""The recording's files cannot be unpacked, but dpkg does not need them."""


@pytest.mark.parametrize("fault", spread(CONDITIONS, 4), ids=str)
def test_what_changes_an_installation_is_noticed(fault: Fault, replay_job: RealJob) -> None:
    inject(replay_job(SYSTEM, GROUP), fault)


@pytest.mark.parametrize("fault", spread(TRAPS, 4), ids=str)
def test_a_trap(fault: Fault, replay_job: RealJob) -> None:
    job = replay_job(SYSTEM, GROUP)
    inject(job, fault)
    if fault.says == REPLAYED:
        assert_equal(job, by_dpkg(replay_job, cause=fault.cause))


@pytest.mark.parametrize("fault", spread([FILES_CUT, *ALTERED], 4), ids=str)
def test_an_altered_cache(fault: Fault, replay_job: RealJob) -> None:
    inject(replay_job(SYSTEM, GROUP, own_cache=True), fault)


PARTS = 100
STATE = """f=/cache/groups/{group}-{system}/recording.amd64.$(sha256sum </var/lib/dpkg/status | cut -c1-64).deb
dpkg-deb --ctrl-tarfile $f | tar -xOf - ./state"""
KEPT = ("/var/lib/dpkg/status", "/var/lib/dpkg/updates")
"""Another status has no recording, and an entry in the other one has a meaning for dpkg."""
OTHERWISE = {
    "a": "mkdir -p $(dirname {0}); : >{0}",
    "l": "t=$(readlink {0}); ln -sfn $(case $t in /*) echo /.$t ;; *) echo ./$t ;; esac) {0}",
    "f": "[ $(stat -c %A {0} | cut -c6) = w ] && chmod g-w {0} || chmod g+w {0}",
    "d": "[ $(stat -c %A {0} | cut -c6) = w ] && chmod g-w {0} || chmod g+w {0}",
    "n": ": >{0}/.mine",
}
"""By kind of a condition, what makes it untrue and disturbs dpkg least."""


@pytest.mark.parametrize("part", spread(range(PARTS), 2))
def test_each_recorded_condition_is_checked(part: int, replay_job: RealJob) -> None:
    job = replay_job(SYSTEM, GROUP)
    lines = [line.split("\t") for line in job.room.sh(STATE.format(group=GROUP, system=SYSTEM)).splitlines()]
    lines = [line for line in lines if line[-1] not in KEPT]
    kind, *_, path = lines[part * (len(lines) - 1) // (PARTS - 1)]
    job.room.sh(OTHERWISE[kind].format(shlex.quote(path)))
    before = look(job)
    job.options = "--verbose"
    done = job.run()
    terms = Terms(writes=[path, f"{path}/.mine"])
    status = judge(job, done, before, allowed=PERHAPS, says=REFUSED, terms=terms)
    conclude(job, status, f"rm -rf {shlex.quote(path)}" if kind == "a" and status in FAILED else "")


@pytest.mark.parametrize(("system", "group"), [("ubuntu18.04", "ssh"), ("debian12", "nfs"), ("ubuntu18.04", "nfs")])
def test_an_undisturbed_replay_is_equal(system: str, group: str, replay_job: RealJob) -> None:
    """One of them has a merged /usr."""
    reference = by_dpkg(replay_job, system, group)
    job = replay_job(system, group)
    before = look(job)
    done = job.run()
    conclude(job, judge(job, done, before, says=REPLAYED))
    assert_equal(job, reference, done.stdout + done.stderr)


def test_a_user_namespace(product_root: Callable[..., Path], real_cache: CacheFolder, state: Path) -> None:
    """Root there is another user of this machine, and has no rights over what is mounted."""
    root = product_root(SYSTEM)
    cache = recorded(real_cache, SYSTEM, RECORDED[SYSTEM], root, state)
    with sandbox(root, binds={"/cache": cache.path}) as container:
        done = container.run(["sh", "/cache/install_group.sh", GROUP], timeout=120)
        assert REPLAYED in done.stdout, done
        assert container.run(["dpkg", "--audit"], timeout=60).stdout == ""
        container.run(["apt-get", "check"], timeout=60)
