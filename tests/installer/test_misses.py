"""Every reason not to install has its status and full message, and nothing in the container changes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb

ROWS: dict[str, tuple[tuple[str, ...], int, str, str]] = {
    "unknown option": (
        ("--fast", "tools"), 2, "usage",
        "package-cache: cannot understand the command line: there is no option --fast\n"
        "package-cache: see: sh install_group.sh --help\n",
    ),
    "a path for a group": (
        ("../tools",), 2, "usage",
        "package-cache: cannot understand the command line: '../tools' is not a group's name: it has a-z 0-9 + . _ - "
        "and begins with a letter or digit\npackage-cache: see: sh install_group.sh --help\n",
    ),
    "shell for a group": (
        ("--", "$(touch /var/owned)"), 2, "usage",
        "package-cache: cannot understand the command line: '$(touch /var/owned)' is not a group's name: it has a-z "
        "0-9 + . _ - and begins with a letter or digit\npackage-cache: see: sh install_group.sh --help\n",
    ),
    "no group": (
        (), 2, "usage",
        "package-cache: cannot understand the command line: name at least one group\n"
        "package-cache: see: sh install_group.sh --help\n",
    ),
    "a lock timeout in words": (
        ("--lock-timeout", "long", "tools"), 2, "usage",
        "package-cache: cannot understand the command line: --lock-timeout takes whole seconds, not 'long'\n"
        "package-cache: see: sh install_group.sh --help\n",
    ),
    "no such group": (
        ("other",), 10, "no-such-group",
        "package-cache: cannot install other (no-such-group): the cache has no group other; it has: newer tools\n"
        "package-cache: nothing was changed; next step: add it to the manifest and build again\n",
    ),
    "another system": (
        ("newer",), 11, "not-for-system",
        "package-cache: cannot install newer (not-for-system): the group newer is not for ubuntu18.04; it is for: "
        "debian12\n"
        "package-cache: nothing was changed; next step: add ubuntu18.04 to the group in the manifest and build again\n",
    ),
    "no cache": (
        ("--cache", "/nowhere", "tools"), 30, "cache-missing",
        "package-cache: cannot install tools (cache-missing): there is no cache at /nowhere\n"
        "package-cache: nothing was changed; next step: check the mount, or name the folder with --cache\n",
    ),
    "an empty folder": (
        ("--cache", "/mnt", "tools"), 30, "cache-missing",
        "package-cache: cannot install tools (cache-missing): the folder /mnt is empty, and nothing is mounted there\n"
        "package-cache: nothing was changed; next step: check the mount, or name the folder with --cache\n",
    ),
    "an empty volume": (
        ("--cache", "/volume/", "tools"), 30, "cache-missing",
        "package-cache: cannot install tools (cache-missing): the volume at /volume/ is empty\n"
        "package-cache: nothing was changed; next step: fill it; an image volume arrives empty where the API server "
        "or the node's container runtime does not know image volumes\n",
    ),
    "no cache, but files": (
        ("--cache", "/etc", "tools"), 30, "cache-missing",
        "package-cache: cannot install tools (cache-missing): the folder /etc is no cache: it has no groups\n"
        "package-cache: nothing was changed; next step: check the mount, or name the folder with --cache\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_what_was_asked_for_cannot_be(
    row: str, cache: SyntheticCache, debs: Path, tmp_path: Path, open_room: OpenRoom
) -> None:
    arguments, status, reason, said = ROWS[row]
    (empty := tmp_path / "empty").mkdir()
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    cache.add("newer", ["wanted"], [make_deb(debs, "wanted")], system="debian12")
    room = open_room(cache, binds={"/volume": empty})
    before = room.map()
    done = room.install(*arguments)
    assert (done.status, done.err, done.out) == (status, said, "")
    assert (done.result["status"], done.result["reason"]) == (str(status), reason)
    assert room.map() == before


def remove_apt(room: Room) -> None:
    room.sh("rm /usr/bin/apt-get")


def remove_dpkg(room: Room) -> None:
    room.sh("rm /usr/bin/dpkg-query")


def break_apt(room: Room) -> None:
    room.sh("printf '#!/bin/sh\necho E: it is broken >&2; exit 100\n' >/usr/bin/apt-get")


def interrupt_dpkg(room: Room) -> None:
    room.sh("dpkg --unpack /debs/half_1.0_all.deb")


def force_dependencies(room: Room) -> None:
    room.sh("dpkg --force-depends -i /debs/unmet_1.0_all.deb")


def hold_needed(room: Room) -> None:
    room.sh("dpkg -i /debs/needed_1.0_all.deb; touch /var/lib/dpkg/available; apt-mark hold needed")


def install_newer(room: Room) -> None:
    room.sh("dpkg -i /debs/needed_3.0_all.deb")


def install_enemy(room: Room) -> None:
    room.sh("dpkg -i /debs/enemy_1.0_all.deb")


def break_statoverride(line: str) -> Callable[[Room], None]:
    def prepare(room: Room) -> None:
        room.sh(f"printf '{line}' >>/var/lib/dpkg/statoverride")

    prepare.__name__ = f"statoverride {line!r}"
    return prepare


def break_by(name: str, script: str) -> Callable[[Room], None]:
    def prepare(room: Room) -> None:
        room.sh(script)

    prepare.__name__ = name
    return prepare


REFUSED = {
    break_statoverride("root gone 2755 /usr/bin/x\\n"): "statoverride",
    break_statoverride("gone root 4755 /usr/bin/x\\n"): "statoverride",
    break_statoverride("root root\\n"): "statoverride",
    break_statoverride("root root 0755 /usr/bin/x"): "final newline",
    break_by("diversions", "echo /usr/bin/x >>/var/lib/dpkg/diversions"): "diversions",
    break_by("a list of files", "printf /x >/var/lib/dpkg/info/tar.list"): "files list file for package 'tar'",
    break_by("info format", "echo 9 >/var/lib/dpkg/info/format"): "info database format",
    break_by("triggers", "echo nonsense >>/var/lib/dpkg/triggers/File"): "triggers file",
    break_by("an option", "echo nonsense >>/etc/dpkg/dpkg.cfg"): "unknown option",
    break_by("a force", "echo force-nonsense >>/etc/dpkg/dpkg.cfg"): "unknown force",
    break_by("a program", "mv /sbin/ldconfig /sbin/ldconfig.real /root"): "not found in PATH",
}
"""Ways in which dpkg refuses before it starts, and a part of its words."""


@pytest.mark.parametrize("prepare", REFUSED, ids=lambda prepare: prepare.__name__)
def test_a_dpkg_that_refuses_to_start(
    prepare: Callable[[Room], None], cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    prepare(room)
    before = room.map()
    for options in ((), ("--dry-run",)):
        done = room.install(*options, "tools")
        assert (done.status, done.out, done.result["reason"]) == (22, "", "dpkg-broken")
        assert REFUSED[prepare] in done.err
        assert "nothing was changed; next step: repair what dpkg reports\n" in done.err
    assert room.map() == before
    assert room.sh("cat /var/log/dpkg.log | grep -c 'archives unpack' || :") == "0\n"


@pytest.mark.parametrize("prepare", [*REFUSED][:2], ids=lambda prepare: prepare.__name__)
def test_a_root_in_which_dpkg_would_refuse_to_start(
    prepare: Callable[[Room], None], cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    room.sh("mkdir -p /other/var/lib/apt && cd / && cp -a --parents etc usr bin sbin lib lib64 var/lib/dpkg /other")
    room.sh("echo own:x:999: >>/other/etc/group; echo root own 0755 /usr/bin/y >>/other/var/lib/dpkg/statoverride")
    assert room.install("--dry-run", "--root", "/other", "tools").status == 0
    prepare(room)
    room.sh("cat /var/lib/dpkg/statoverride >>/other/var/lib/dpkg/statoverride")
    done = room.install("--dry-run", "--root", "/other", "tools")
    assert done.status == 22
    assert "dpkg does not work here: statoverride of /usr/bin/x: /etc/" in done.err
    assert " has no gone\n" in done.err


STATES: dict[Callable[[Room], None], tuple[int, str]] = {
    remove_apt: (21, "there is no apt-get here"),
    remove_dpkg: (21, "there is no dpkg here: this is not an image of the Debian family"),
    break_apt: (22, "apt says: it is broken"),
    interrupt_dpkg: (22, "half 1.0 is unpacked"),
    force_dependencies: (22, "unmet is here without what it needs: nowhere-to-be-had, it is not here"),
    hold_needed: (13, "wanted needs needed (= 2.0): 1.0 is here, and held"),
    install_newer: (13, "wanted needs needed (= 2.0): 3.0 is here"),
    install_enemy: (13, "wanted conflicts with enemy: 1.0 is here"),
}


@pytest.mark.parametrize("prepare", STATES, ids=lambda prepare: prepare.__name__)
def test_the_container_is_not_fit_for_it(
    prepare: Callable[[Room], None], cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    make_deb(debs, "half")
    make_deb(debs, "unmet", depends="nowhere-to-be-had")
    make_deb(debs, "needed", "1.0")
    make_deb(debs, "needed", "3.0")
    make_deb(debs, "enemy")
    needed = make_deb(debs, "needed", "2.0")
    wanted = make_deb(debs, "wanted", depends="needed (= 2.0)", Conflicts="enemy")
    cache.add("tools", ["wanted"], [needed, wanted])
    room = open_room(cache, binds={"/debs": debs})
    prepare(room)
    before = room.map()
    done = room.install("tools")
    status, cause = STATES[prepare]
    assert (done.status, done.out) == (status, "")
    assert cause in done.err
    assert "nothing was changed; next step: " in done.err
    assert room.map() == before


def test_an_apt_that_is_broken_has_its_say(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    break_apt(room)
    done = room.install("tools")
    assert (done.status, done.out, done.err) == (
        22, "",
        "package-cache:     apt says: it is broken\n"
        "package-cache: cannot install tools (dpkg-broken): apt-get check fails here\n"
        "package-cache: nothing was changed; next step: repair apt, or build the cache again\n",
    )  # fmt: skip


def test_a_miss_tells_which_version_of_what_is_here_is_needed(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="libc6 (>= 99)")])
    done = open_room(cache).install("tools")
    assert done.status == 13
    assert "package-cache:     wanted needs libc6 (>= 99): 2." in done.err


def test_another_architecture(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", architecture="arm64")], architecture="arm64")
    done = open_room(cache).install("tools")
    assert (done.status, done.result["reason"]) == (12, "not-for-architecture")
    assert "the group tools is not for amd64; it is for: arm64\n" in done.err


def test_not_root_but_told_where_all_is_there(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    as_nobody = ("chroot", "--userspec=65534:65534", "/", "sh")
    denied = room.install("tools", shell=as_nobody)
    assert denied.status == 20
    assert "this is not root, and not all is there: wanted\n" in denied.err
    assert room.install("tools").status == 0
    again = room.install("tools", shell=as_nobody)
    assert (again.status, again.out) == (0, "package-cache: tools: already there, nothing to do\n")


def test_a_newer_format_and_a_cut_group_file(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    file = cache.add("tools", ["wanted"], [make_deb(debs, "wanted")]) / "amd64.group"
    text = file.read_text()
    file.write_text(text.replace("format 1", "format 2"))
    assert open_room(cache).install("tools").status == 32
    file.write_text(text.removesuffix("end\n"))
    assert open_room(cache).install("tools").status == 31


def test_no_space(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", Installed_Size="999999999")])
    room = open_room(cache)
    before = room.map()
    done = room.install("tools")
    assert (done.status, done.out) == (41, "")
    assert "there is not enough space on /" in done.err
    assert room.map() == before


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
    done = room.install("tools")
    assert done.status == status, done.err
    if status:
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


def test_the_result_says_why_also_where_the_cache_is_gone(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    shutil.rmtree(cache.path / "groups")
    result = open_room(cache).install("tools").result
    assert (result["reason"], result["installed"]) == ("cache-missing", "0")
    assert result["message"].startswith("the folder /cache is no cache")
