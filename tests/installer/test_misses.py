"""Every reason not to install has its status and full message, and nothing in the container changes."""

from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache, restate
from tests.support.debs import make_deb

IS_NO_NAME = "is not a group's name: it has a-z 0-9 + . _ - and begins with a letter or digit"
USAGE = {
    "unknown option": (("--fast", "tools"), "there is no option --fast"),
    "a path for a group": (("../tools",), f"'../tools' {IS_NO_NAME}"),
    "shell for a group": (("--", "$(touch /var/owned)"), f"'$(touch /var/owned)' {IS_NO_NAME}"),
    "no group": ((), "name at least one group"),
    "a lock timeout in words": (("--lock-timeout", "long", "tools"), "--lock-timeout takes whole seconds, not 'long'"),
}
CHECK = "check the mount, or name the folder with --cache"
MISSES = {
    "no such group": (
        ("other",), 10, "no-such-group", "the cache has no group other; it has: foreign future newer tools",
        "add it to the manifest and build again",
    ),
    "another system": (
        ("newer",), 11, "not-for-system", "the group newer is not for ubuntu18.04; it is for: debian12",
        "add ubuntu18.04 to the group in the manifest and build again",
    ),
    "another architecture": (
        ("foreign",), 12, "not-for-architecture", "the group foreign is not for amd64; it is for: arm64",
        "add amd64 to the group in the manifest and build again",
    ),
    "a newer format": (
        ("future",), 32, "cache-too-new", "the cache's format is 2, this installer reads 1",
        "use the install_group.sh that lies in the cache",
    ),
    "no cache": (("--cache", "/nowhere", "tools"), 30, "cache-missing", "there is no cache at /nowhere", CHECK),
    "an empty folder": (
        ("--cache", "/mnt", "tools"), 30, "cache-missing", "the folder /mnt is empty, and nothing is mounted there",
        CHECK,
    ),
    "an empty volume": (
        ("--cache", "/volume/", "tools"), 30, "cache-missing", "the volume at /volume/ is empty",
        "fill it; an image volume arrives empty where the API server or the node's container runtime does not know "
        "image volumes",
    ),
    "no cache, but files": (
        ("--cache", "/etc", "tools"), 30, "cache-missing", "the folder /etc is no cache: it has no groups", CHECK,
    ),
}  # fmt: skip
ROWS = {
    name: (arguments, 2, "usage", f"cannot understand the command line: {cause}", "see: sh install_group.sh --help")
    for name, (arguments, cause) in USAGE.items()
} | {
    name: (
        arguments, status, reason, f"cannot install {arguments[-1]} ({reason}): {cause}",
        f"nothing was changed; next step: {next_step}",
    )
    for name, (arguments, status, reason, cause, next_step) in MISSES.items()
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_what_was_asked_for_cannot_be(
    row: str, cache: SyntheticCache, debs: Path, tmp_path: Path, open_room: OpenRoom
) -> None:
    arguments, status, reason, *said = ROWS[row]
    (empty := tmp_path / "empty").mkdir()
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    cache.add("newer", ["wanted"], [make_deb(debs, "wanted")], system="debian12")
    cache.add("foreign", ["wanted"], [make_deb(debs, "wanted", architecture="arm64")], architecture="arm64")
    future = cache.add("future", ["wanted"], [make_deb(debs, "wanted")]) / "amd64.group"
    restate(future, future.read_text().replace("format 1", "format 2"))
    room = open_room(cache, binds={"/volume": empty})
    before = room.map()
    done = room.install(*arguments)
    assert (done.status, done.out, done.err.splitlines()) == (status, "", [f"package-cache: {line}" for line in said])
    assert (done.result["status"], done.result["reason"], done.result["installed"]) == (str(status), reason, "0")
    assert said[0].endswith(done.result["message"])
    assert room.map() == before


REFUSED = {
    "a group": (r"printf 'root gone 2755 /usr/bin/x\n' >>/var/lib/dpkg/statoverride", "statoverride"),
    "a user": (r"printf 'gone root 4755 /usr/bin/x\n' >>/var/lib/dpkg/statoverride", "statoverride"),
    "a cut statoverride": (r"printf 'root root\n' >>/var/lib/dpkg/statoverride", "statoverride"),
    "no newline": ("printf 'root root 0755 /usr/bin/x' >>/var/lib/dpkg/statoverride", "final newline"),
    "diversions": ("echo /usr/bin/x >>/var/lib/dpkg/diversions", "diversions"),
    "a list of files": ("printf /x >/var/lib/dpkg/info/tar.list", "files list file for package 'tar'"),
    "info format": ("echo 9 >/var/lib/dpkg/info/format", "info database format"),
    "triggers": ("echo nonsense >>/var/lib/dpkg/triggers/File", "triggers file"),
    "an option": ("echo nonsense >>/etc/dpkg/dpkg.cfg", "unknown option"),
    "a force": ("echo force-nonsense >>/etc/dpkg/dpkg.cfg", "unknown force"),
    "a program": ("mv /sbin/ldconfig /sbin/ldconfig.real /root", "not found in PATH"),
}
"""Ways in which dpkg refuses before it starts: what breaks it, and a part of its words."""


@pytest.mark.parametrize("cause", REFUSED)
def test_a_dpkg_that_refuses_to_start(cause: str, room: Room) -> None:
    script, words = REFUSED[cause]
    room.sh(script)
    before = room.map()
    for options in ((), ("--dry-run",)):
        done = room.install(*options, "tools")
        assert (done.status, done.out, done.result["reason"]) == (22, "", "dpkg-broken")
        assert words in done.err
        assert "nothing was changed; next step: repair what dpkg reports\n" in done.err
    assert room.map() == before
    assert room.sh("cat /var/log/dpkg.log | grep -c 'archives unpack' || :") == "0\n"


@pytest.mark.parametrize("cause", ["a group", "a user"])
def test_a_root_in_which_dpkg_would_refuse_to_start(cause: str, room: Room) -> None:
    room.sh("mkdir -p /other/var/lib/apt && cd / && cp -a --parents etc usr bin sbin lib lib64 var/lib/dpkg /other")
    room.sh("echo own:x:999: >>/other/etc/group; echo root own 0755 /usr/bin/y >>/other/var/lib/dpkg/statoverride")
    assert room.install("--dry-run", "--root", "/other", "tools").status == 0
    room.sh(REFUSED[cause][0])
    room.sh("cat /var/lib/dpkg/statoverride >>/other/var/lib/dpkg/statoverride")
    done = room.install("--dry-run", "--root", "/other", "tools")
    assert done.status == 22
    assert "dpkg does not work here: statoverride of /usr/bin/x: /etc/" in done.err
    assert " has no gone\n" in done.err


HOLD = "dpkg -i /debs/needed_1.0_all.deb; touch /var/lib/dpkg/available; apt-mark hold needed"
BREAK_APT = "printf '#!/bin/sh\necho E: it is broken >&2; exit 100\n' >/usr/bin/apt-get"
BROKEN_APT = (
    "apt says: it is broken\npackage-cache: cannot install tools (dpkg-broken): apt-get check fails here\n"
    "package-cache: nothing was changed; next step: repair apt, or build the cache again\n"
)
UNMET = "unmet is here without what it needs: nowhere-to-be-had, it is not here"
STATES = {
    "no apt": ("rm /usr/bin/apt-get", 21, "there is no apt-get here"),
    "no dpkg": ("rm /usr/bin/dpkg-query", 21, "there is no dpkg here: this is not an image of the Debian family"),
    "an apt that is broken": (BREAK_APT, 22, f"package-cache:     {BROKEN_APT}"),
    "a half installed package": ("dpkg --unpack /debs/half_1.0_all.deb", 22, "half 1.0 is unpacked"),
    "unmet dependencies": ("dpkg --force-depends -i /debs/unmet_1.0_all.deb", 22, UNMET),
    "a held dependency": (HOLD, 13, "wanted needs needed (= 2.0): 1.0 is here, and held"),
    "a newer dependency": ("dpkg -i /debs/needed_3.0_all.deb", 13, "wanted needs needed (= 2.0): 3.0 is here"),
    "a conflicting package": ("dpkg -i /debs/enemy_1.0_all.deb", 13, "wanted conflicts with enemy: 1.0 is here"),
}
"""What is done to the container, the status, and the cause that is named."""


@pytest.mark.parametrize("unfit", STATES)
def test_the_container_is_not_fit_for_it(unfit: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    script, status, cause = STATES[unfit]
    make_deb(debs, "half")
    make_deb(debs, "unmet", depends="nowhere-to-be-had")
    make_deb(debs, "needed", "1.0")
    make_deb(debs, "needed", "3.0")
    make_deb(debs, "enemy")
    wanted = make_deb(debs, "wanted", depends="needed (= 2.0)", Conflicts="enemy")
    cache.add("tools", ["wanted"], [make_deb(debs, "needed", "2.0"), wanted])
    room = open_room(cache, binds={"/debs": debs})
    room.sh(script)
    before = room.map()
    done = room.install("tools")
    assert (done.status, done.out) == (status, "")
    assert cause in done.err
    assert "nothing was changed; next step: " in done.err
    assert room.map() == before


def test_a_miss_tells_which_version_of_what_is_here_is_needed(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="libc6 (>= 99)")])
    done = open_room(cache).install("tools")
    assert done.status == 13
    assert "package-cache:     wanted needs libc6 (>= 99): 2." in done.err


def test_not_root_but_told_where_all_is_there(room: Room) -> None:
    as_nobody = ("chroot", "--userspec=65534:65534", "/", "sh")
    denied = room.install("tools", shell=as_nobody)
    assert denied.status == 20
    assert "this is not root, and not all is there: wanted\n" in denied.err
    assert room.install("tools").status == 0
    again = room.install("tools", shell=as_nobody)
    assert (again.status, again.out) == (0, "package-cache: tools: already there, nothing to do\n")


@pytest.mark.parametrize(
    ("mounts", "status"),
    [
        ({"/var": 16}, 0),
        ({"/var": 16, "/opt": 60}, 0),
        ({"/var": 4}, 41),
        ({"/opt": 40}, 41),
        ({"/opt": 16, "/opt/vendor": 60}, 0),
    ],
    ids=str,
)
def test_space_is_needed_where_the_files_lie(
    mounts: dict[str, int], status: int, cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    wanted = make_deb(debs, "wanted", files={"/opt/vendor/large": bytes(48 << 20)}, Installed_Size="49152")
    cache.add("tools", ["wanted"], [wanted])
    room = open_room(cache)
    for place, mib in mounts.items():
        used = int(room.sh(f"mkdir -p {place}; du -sm {place}").split()[0])
        mount = f"mount -t tmpfs -o size={used + mib}m tmpfs {place}"
        room.sh(f"cp -a {place} /copy && {mount} && cp -a /copy/. {place}/ && rm -r /copy")
    before = room.map()
    done = room.install("tools")
    assert done.status == status, done.err
    if status:
        assert room.map() == before
        assert f"there is not enough space on {min(mounts, key=lambda place: mounts[place])}: " in done.err


def test_files_that_must_exist_but_do_not(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    wanted = make_deb(debs, "wanted", files={"/usr/bin/wanted": "#!/bin/sh\n"})
    cache.add("tools", ["wanted"], [wanted], provides=["/usr/bin/wanted"])
    room = open_room(cache)
    assert room.install("tools").status == 0
    room.sh("rm /usr/bin/wanted")
    done = room.install("tools")
    assert done.status == 13
    assert "the file /usr/bin/wanted is not there" in done.err


@pytest.mark.parametrize(
    ("place", "status", "cause"),
    [
        ("/mnt", 2, "cannot understand the command line: --result takes a file, and /mnt is a folder"),
        ("/nowhere/result", 42, "(read-only): cannot write a file beside /nowhere/result, where the result is wanted"),
    ],
)
def test_a_result_that_cannot_be_written_is_refused_before_anything_is_touched(
    place: str, status: int, cause: str, room: Room
) -> None:
    before = room.map()
    said = room.sh(f"sh /cache/install_group.sh --result {place} tools 2>&1; echo $?; ls -A /mnt")
    assert cause in said
    assert said.endswith(f"\n{status}\n")
    assert "another process" not in said
    assert room.map() == before
