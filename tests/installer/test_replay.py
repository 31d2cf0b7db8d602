"""A recording is replayed where everything is as it was when it was made, and nowhere else."""

import hashlib
import re
import signal
from pathlib import Path

import pytest
from tests.faults.spread import spread
from tests.faults.test_points import with_points
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb
from tests.support.locks import FREE, held
from tests.support.recording_files import Recording, record

from package_cache.filesystem.paths import sha256_of

POSTINST = """
mkdir -p /usr/share/wanted /var/lib/wanted /etc/wanted.d
[ -e /usr/share/wanted/generated ] || echo generated >/usr/share/wanted/generated
echo state >/var/lib/wanted/state; chmod 640 /var/lib/wanted/state
ln -sf /usr/bin/wanted /etc/wanted.d/link
grep -q WANTED /etc/environment || echo 'WANTED=yes' >>/etc/environment
[ -e /etc/wanted.key ] || { umask 077; head -c 20 /dev/urandom | sha256sum >/etc/wanted.key; }
rm -f /etc/legal
"""
KEY = {"/etc/wanted.key": 'umask 077; head -c 20 /dev/urandom | sha256sum >"$1"'}


@pytest.fixture
def wanted(debs: Path) -> list[Path]:
    """A package whose script changes files, and one that it needs."""
    files = {
        "/usr/bin/wanted": "#!/bin/sh\necho wanted\n",
        "/etc/wanted.conf": "a = 1\n",
        "/usr/share/wanted/data": "1",
    }
    needed = make_deb(debs, "needed", files={"/usr/lib/needed/needed": "needed" * 1000})
    scripts = {"postinst": POSTINST, "postrm": "rm -rf /etc/wanted.key /var/lib/wanted /etc/wanted.d /usr/share/wanted"}
    return [
        needed,
        make_deb(debs, "wanted", depends="needed", files=files, scripts=scripts, conffiles=["/etc/wanted.conf"]),
    ]


_made: dict[str, Recording] = {}


@pytest.fixture
def recording(cache: SyntheticCache, wanted: list[Path], open_room: OpenRoom) -> Recording:
    """The recording of the group `tools`, in its folder. The same packages give the same one: it is made once."""
    folder = cache.add("tools", ["wanted"], wanted)
    if cache.system not in _made:
        base, done = open_room(cache), open_room(cache)
        assert done.install("tools").status == 0
        new = dict.fromkeys(wanted, "new")
        _made[cache.system] = record(base.container, done.container, "tools", new, regenerate=KEY)
    _made[cache.system].put(folder)
    return _made[cache.system]


def compared(room: Room) -> list[str]:
    """Return what is in a room, but for what differs between two installations."""
    ignored = ("var/log/", "var/cache/ldconfig/", "-old", "var/lib/dpkg/lock", "var/cache/debconf", "etc/wanted.key")
    lines = room.map()
    return [line for line in lines if not any(one in line for one in ignored)]


def test_is_equal_to_an_installation_by_dpkg(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    by_dpkg, room = open_room(cache), open_room(cache)
    assert by_dpkg.install("--no-replay", "tools").result["method"] == "dpkg"
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert (done.result["method"], done.result["recording"], "replay" in done.result) == ("replay", "an image", False)
    assert done.result["installed"] == "2"
    assert done.out.startswith("package-cache: tools installed: 2 packages in ")
    assert done.out.endswith(" s by a recording of an image, 0 bytes from the network\n")
    assert compared(room) == compared(by_dpkg)
    keys = [each.sh("stat -c '%a %U' /etc/wanted.key; cat /etc/wanted.key") for each in (room, by_dpkg)]
    assert keys[0].startswith("600 root\n")
    assert keys[0] != keys[1]
    assert room.audit() == ""
    assert room.sh("apt-mark showauto needed wanted") == "needed\n"
    assert room.sh("ls -A /tmp /run/package-cache* /var/lib/package-cache 2>/dev/null", check=False) == "/tmp:\n"
    assert room.install("tools").result["method"] == "none"


def refused(room: Room, *options: str) -> str:
    """Install, see that dpkg does it, and return why the recording was not used."""
    done = room.install(*options, "tools")
    assert (done.status, done.err, done.result["method"]) == (0, "", "dpkg")
    assert "recording" not in done.result
    assert room.state("wanted", "needed") == {"wanted": "ii 1.0", "needed": "ii 1.0"}
    assert room.audit() == ""
    assert room.sh("ls -A /tmp /run/package-cache* /var/lib/package-cache 2>/dev/null", check=False) == "/tmp:\n"
    return done.result.get("replay", "")


OTHER_FILE = "not the file that was there when it was recorded"
CHANGES = {
    "a replaced file": ("echo X=1 >>/etc/environment", f"/etc/environment is {OTHER_FILE}"),
    "its content alone": (
        "tr a-z A-Z </etc/environment >/e; cat /e >/etc/environment",
        f"/etc/environment is {OTHER_FILE}",
    ),
    "its mode": ("chmod 600 /etc/environment", f"/etc/environment is {OTHER_FILE}"),
    "its owner": ("chown 1:1 /etc/environment", f"/etc/environment is {OTHER_FILE}"),
    "a pipe in the place of one": (
        "rm /etc/legal; mkfifo /etc/legal",
        f"/etc/legal is {OTHER_FILE}",
    ),
    "a link in its place": (
        "mv /etc/environment /etc/e; ln -s e /etc/environment",
        f"/etc/environment is {OTHER_FILE}",
    ),
    "a file that it brings": ("echo mine >/usr/share/wanted", "/usr/share/wanted is there"),
    "a link that leads nowhere": ("ln -s nowhere /usr/lib/needed", "/usr/lib/needed is there"),
    "a file that was looked for": ("touch /etc/looked-for", "/etc/looked-for is there"),
    "another listing": (
        "touch /etc/apt/apt.conf.d/zz",
        "/etc/apt/apt.conf.d does not list what it listed when it was recorded",
    ),
    "a folder's mode": ("chmod 700 /opt", "/opt is not the folder that was there when it was recorded"),
    "a link that leads elsewhere": (
        "ln -sf nowhere /etc/os-release-link",
        "/etc/os-release-link is not a link to os-release",
    ),
    "a journal of dpkg": ("touch /var/lib/dpkg/updates/tmp.i", "/var/lib/dpkg/updates is not empty"),
    "a mount over a replaced file": (
        "cp -p /etc/environment /e; mount --bind /e /etc/environment",
        "/etc/environment is a mount",
    ),
    "a mount with a replaced file": (
        "cp -a /var/lib/apt /a; mount --bind /a /var/lib/apt",
        "/var/lib/apt is on another mount than /var/lib/package-cache",
    ),
    "a parent that is a link": ("mv /usr/share /usr/s; ln -s s /usr/share", "/usr/share is no folder"),
    "no perl": ("mv /usr/bin/perl /usr/bin/perl5; ln -s /nowhere /usr/bin/perl", "there is no /usr/bin/perl here"),
    "an old tar": (
        "mv /bin/tar /bin/t; printf '#!/bin/sh\\n[ $1 != --version ] || { echo tar \\\\(GNU tar\\\\) 1.27.1; exit; }\\n"
        "exec /bin/t \"$@\"\\n' >/bin/tar; chmod 755 /bin/tar",
        "there is no GNU tar of version 1.28 or later here",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs_goes_by_dpkg(
    change: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    folder = cache.path / "groups" / "tools-ubuntu18.04"
    prepare = "ln -s os-release /etc/os-release-link; rm -f /etc/apt/apt.conf.d/zz"
    base = open_room(cache)
    names = "/".join(sorted(base.sh("ls -A /etc/apt/apt.conf.d").split()))
    more = recording.with_lines(
        "state",
        "a\t/etc/looked-for",
        f"n\t{names}\t/etc/apt/apt.conf.d",
        "d\t755\t0\t0\t/opt",
        "l\tos-release\t/etc/os-release-link",
    )
    restate_recording(folder, more)
    room = open_room(cache)
    room.sh(prepare)
    script, reason = CHANGES[change]
    room.sh(script)
    assert refused(room) == reason


def restate_recording(folder: Path, recording: Recording) -> Path:
    """Put another recording in place of the one that is there."""
    (old,) = folder.glob("recording.*")
    old.unlink()
    release = folder / "Release"
    release.write_text("".join(f"{line}\n" for line in release.read_text().splitlines() if old.name not in line))
    return recording.put(folder)


def test_a_split_that_deals_out_no_lines(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    rooms = open_room(cache), open_room(cache)
    for room in rooms:
        room.sh("ln -sf /bin/false /usr/bin/split")
    assert rooms[0].install("tools").result["method"] == "replay"
    rooms[1].sh(CHANGES["its content alone"][0])
    assert refused(rooms[1]) == CHANGES["its content alone"][1]


def test_another_status_has_no_recording(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    room = open_room(cache)
    room.sh("echo >>/var/lib/dpkg/status")
    assert refused(room) == ""


def test_no_replay(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    assert refused(open_room(cache), "--no-replay") == ""


def test_verbose_says_why(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    room = open_room(cache)
    room.sh("echo mine >/usr/share/wanted")
    out = room.install("--verbose", "tools").out
    assert out.startswith("package-cache: tools: the recording of an image is not used: /usr/share/wanted is there\n")


@pytest.mark.parametrize("number", [1, 3])
def test_another_format(number: int, cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    facts = [f"format {number}", "something else"]
    folder = cache.path / "groups" / "tools-ubuntu18.04"
    (file,) = folder.glob("recording.*")
    changed = recording.with_list("facts", facts).content
    release = (folder / "Release").read_text().replace(sha256_of(file), hashlib.sha256(changed).hexdigest())
    (folder / "Release").write_text(release)
    file.write_bytes(changed)
    assert refused(open_room(cache)) == f"its format is {number}, this installer reads 2"


MALFORMED = {
    "an unknown fact": ("facts", "color red"),
    "a relative path": ("new", "usr/share/x"),
    "a path with ..": ("finish", "gone\t/usr/../etc/passwd"),
    "an unknown action": ("finish", "run\t/bin/sh"),
    "a status that is not last": ("finish", "move\t/etc/passwd"),
    "a state without a path": ("state", "a"),
    "an unknown state": ("state", "x\t/etc/passwd"),
    "a mode that is no number": ("state", "d\trwx\t0\t0\t/opt"),
    "a hash without a state": ("same", "a" * 64 + "  /etc/passwd"),
    "a hash that is none": ("same", "abc  /etc/environment"),
    "a package file that is not named": ("debs", f"first {'a' * 64} {'a' * 64}"),
    "a package file without a digest": ("debs", f"first {'a' * 64}"),
}


@pytest.mark.parametrize("which", MALFORMED)
def test_what_makes_no_sense_is_damage(
    which: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    restate_recording(cache.path / "groups" / "tools-ubuntu18.04", recording.with_lines(*MALFORMED[which]))
    room = open_room(cache)
    before = room.map()
    done = room.install("tools")
    assert (done.status, done.result["reason"], done.out) == (31, "cache-damaged", "")
    assert room.map() == before


@pytest.mark.parametrize(
    ("kept", "first_word", "says"),
    [(2, "elsewhere", "does not say how"), (1, "first", "does not unpack a file that it names")],
)
def test_package_files_that_are_not_unpacked(
    kept: int, first_word: str, says: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    lines = [line.replace("first", first_word) for line in recording.lists["debs"][:kept]]
    restate_recording(cache.path / "groups" / "tools-ubuntu18.04", recording.with_list("debs", lines))
    done = open_room(cache).install("tools")
    assert (done.status, done.result["reason"], done.out) == (31, "cache-damaged", "")
    assert says in done.err


def test_an_altered_recording(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    (file,) = (cache.path / "groups" / "tools-ubuntu18.04").glob("recording.*")
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    done = open_room(cache).install("tools")
    assert (done.status, done.result["reason"]) == (31, "cache-damaged")
    assert f"{file.name} is not the file that its Release states" in done.err


def test_an_altered_package_is_seen_and_all_is_undone(
    cache: SyntheticCache, recording: Recording, wanted: list[Path], open_room: OpenRoom
) -> None:
    room = open_room(cache)
    before = room.map()
    file = cache.pool_file(wanted[0])
    file.write_bytes(file.read_bytes() + b"\n")
    done = room.install("tools")
    assert (done.status, done.result["reason"], done.result["method"]) == (31, "cache-damaged", "none")
    assert "this was undone, and dpkg installs" in done.out
    assert done.err.endswith("nothing was changed; next step: stage or build the cache again\n")
    assert room.map() == before


@pytest.mark.parametrize("before", ["ldconfig", "rm -f /var/cache/ldconfig/aux-cache"])
def test_what_ldconfig_notes_is_undone(
    before: str, cache: SyntheticCache, recording: Recording, wanted: list[Path], open_room: OpenRoom
) -> None:
    folder = cache.path / "groups" / "tools-ubuntu18.04"
    restate_recording(folder, recording.with_list("regenerate", ['/etc/wanted.key\tldconfig -X -C "$1"']))
    room = open_room(cache)
    room.sh(
        f"{before}; mkdir -p /opt/lib; cp -L /lib/x86_64-linux-gnu/libz.so.1 /opt/lib; echo /opt/lib >>/etc/ld.so.conf"
    )
    seen = room.map()
    file = cache.pool_file(wanted[0])
    file.write_bytes(file.read_bytes() + b"\n")
    done = room.install("tools")
    assert (done.status, done.result["reason"]) == (31, "cache-damaged")
    assert "this was undone, and dpkg installs" in done.out
    assert room.map() == seen


def test_a_marker_that_cannot_be_written(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    line = '    refusal="there is no space in ${run}"\n'
    change_installer(cache, line, f'    mkdir "${{run}}/ready"\n{line}')
    done = open_room(cache).install("tools")
    assert (done.status, done.err, done.result["method"]) == (0, "", "dpkg")
    assert "there is no space in /var/lib/package-cache/" in done.out
    assert "this was undone, and dpkg installs" in done.out


def test_tar_options_of_the_job(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    done = open_room(cache).install("tools", env={"TAR_OPTIONS": "--exclude=*"})
    assert (done.status, done.result["method"]) == (0, "replay")


SHELLS = (["sh"], ["bash"], ["bash", "--posix"], ["/busybox", "sh"])


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_every_shell(shell: list[str], cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    room = open_room(cache, binds={"/busybox": Path("/bin/busybox")} if "busybox" in shell[0] else {})
    done = room.install("tools", shell=shell)
    assert (done.status, done.err, done.result["method"]) == (0, "", "replay")
    assert room.audit() == ""
    room.sh("dpkg --purge wanted needed 2>/dev/null; touch /etc/wanted.key")
    done = room.install("--verbose", "tools", shell=shell)
    assert (done.status, done.err, done.result["method"]) == (0, "", "dpkg")


def test_dry_run(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    room = open_room(cache)
    before = room.map()
    done = room.install("--dry-run", "tools")
    assert (done.status, done.result["method"], done.result["recording"]) == (0, "replay", "an image")
    assert done.out.endswith(", all hashes fit, by a recording of an image\n")
    assert room.map() == before
    room.sh("echo mine >/usr/share/wanted")
    done = room.install("--dry-run", "tools")
    assert (done.status, done.result["method"], done.result["replay"]) == (0, "dpkg", "/usr/share/wanted is there")


def change_installer(cache: SyntheticCache, old: str, new: str) -> None:
    """Change a line of the cache's installer."""
    installer = cache.path / "install_group.sh"
    text = installer.read_text()
    assert text.count(old) == 1, old
    installer.write_text(text.replace(old, new))


KILL = '[ -z "${PACKAGE_CACHE_KILL-}" ] || kill -KILL ${$}'
KILLS = {
    "before the journal": "    replaying=begin\n",
    "in the journal": "    replaying=unpack\n",
    "when all is unpacked": "    phase replay_unpack\n",
    "when all is in place": "    end_replay\n    hear_signals\n",
    "when the journal is away": "    phase replay_finish\n",
}
KILLED_INSIDE = {
    "in the middle of unpacking": (
        'check "the recording" 2\n',
        '[ -z "${PACKAGE_CACHE_KILL-}" ] || kill -KILL ${PACKAGE_CACHE_RUN%-*} 0\n',
    ),
    **{
        f"before action {number} of the end": (
            "    $act{$do}->($p, @fields) unless $rest;\n",
            f"    $ENV{{PACKAGE_CACHE_KILL}} && $. == {number} and kill(9, getppid, $$);\n",
        )
        for number in (1, 4, 9, 10)
    },
}
ALL_KILLS = {
    **{name: (line, KILL + "\n" + line) for name, line in KILLS.items()},
    **{name: (line, new + line) for name, (line, new) in KILLED_INSIDE.items()},
}
KILLED = {"PACKAGE_CACHE_KILL": "yes"}


@pytest.mark.parametrize("where", ALL_KILLS)
def test_a_kill_and_the_same_again(
    where: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    change_installer(cache, *ALL_KILLS[where])
    whole, room = open_room(cache), open_room(cache)
    assert whole.install("tools").result["method"] == "replay"
    assert room.install("tools", env=KILLED).status in (-signal.SIGKILL, 137)
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert compared(room) == compared(whole)
    assert room.audit() == ""
    assert room.sh("ls -A /tmp /run/package-cache* /var/lib/package-cache 2>/dev/null", check=False) == "/tmp:\n"


@pytest.mark.parametrize("where", ALL_KILLS)
def test_a_kill_and_plain_dpkg(
    where: str, cache: SyntheticCache, recording: Recording, debs: Path, open_room: OpenRoom
) -> None:
    change_installer(cache, *ALL_KILLS[where])
    room = open_room(cache, binds={"/debs": debs})
    room.install("tools", env=KILLED)
    room.sh("dpkg -i /debs/needed_*.deb /debs/wanted_*.deb && apt-get check")
    assert room.state("wanted", "needed") == {"wanted": "ii 1.0", "needed": "ii 1.0"}
    before = compared(room)
    assert room.install("tools").status == 0
    assert [line for line in compared(room) if "extended_states" not in line] == [
        line for line in before if "extended_states" not in line and "package-cache" not in line
    ]


@pytest.mark.parametrize("sign", ["TERM", "INT", "HUP"])
@pytest.mark.parametrize("where", ["unpacking", "at its end"])
def test_a_signal(where: str, sign: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    wait = "touch /root/there; sleep 1; "
    if where == "unpacking":
        change_installer(cache, 'check "the recording" 2\n', f'{wait}check "the recording" 2\n')
    else:
        perl = 'system("touch /root/there; sleep 1") if $. == 4;'
        change_installer(
            cache,
            "    $act{$do}->($p, @fields) unless $rest;\n",
            f"    {perl}\n    $act{{$do}}->($p, @fields) unless $rest;\n",
        )
    room = open_room(cache)
    before = compared(room)
    script = "echo $$ >/root/pid; exec sh /cache/install_group.sh tools"
    process = room.start(["sh", "-c", script], until="/root/there")
    room.sh(f"kill -{sign} $(cat /root/pid)")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"package-cache: cannot go on: SIG{sign} came\n" in said
    room.sh("rm /root/there /root/pid")
    after = [line for line in compared(room) if "available" not in line]
    if where == "unpacking":
        assert "nothing was changed" in said
        assert after == before
    else:
        assert "undone: the new packages were removed" in said
        assert [line for line in after if "wanted" in line or "needed" in line] == []
    assert room.audit() == ""
    assert room.state("wanted", "needed") == {}


@pytest.mark.parametrize(
    ("file", "kind"), [("/var/lib/dpkg/lock-frontend", "fcntl"), ("/var/cache/debconf/templates.dat", "flock")]
)
def test_another_process_has_the_lock(
    file: str, kind: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    room = open_room(cache)
    room.sh(held(file, kind=kind))
    done = room.install("--lock-timeout", "1", "tools")
    assert (done.status, done.result["reason"]) == (40, "dpkg-locked")
    assert f" (perl) has {file} locked: waiting for it" in done.out
    room.sh(FREE)
    assert room.install("tools").result["method"] == "replay"


def test_a_lock_that_the_kernel_does_not_show(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    installer = cache.path / "install_group.sh"
    installer.write_text(installer.read_text().replace("/proc/locks", "/nowhere"))
    room = open_room(cache)
    room.sh(held("lock", 600))
    done = room.install("--lock-timeout", "1", "tools")
    assert (done.status, done.result["reason"]) == (40, "dpkg-locked")
    room.sh("(sleep 1; touch /root/go) >/dev/null 2>&1 &")
    assert room.install("tools").result["method"] == "replay"


def test_dpkg_is_locked_while_it_replays(
    cache: SyntheticCache, recording: Recording, debs: Path, open_room: OpenRoom
) -> None:
    wait = "touch /root/there; until [ -e /root/go ]; do sleep 0.1; done; "
    change_installer(cache, 'check "the recording" 2\n', f'{wait}check "the recording" 2\n')
    room = open_room(cache, binds={"/debs": debs})
    process = room.start(["sh", "/cache/install_group.sh", "tools"], until="/root/there")
    assert "lock" in room.sh("dpkg -i /debs/needed_*.deb 2>&1; :")
    for each in ("/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/cache/debconf/config.dat"):
        assert "perl" in room.sh(f"cat /proc/$(awk -v i=$(stat -c %i {each}) '$6 ~ i {{ print $5 }}' /proc/locks)/comm")
    room.sh("touch /root/go")
    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0
    assert room.sh("cat /proc/locks") == ""


def test_the_lock_outlives_a_killed_shell_while_tar_works(
    cache: SyntheticCache, recording: Recording, debs: Path, open_room: OpenRoom
) -> None:
    wait = "touch /root/there; until [ -e /root/go ]; do sleep 0.1; done; "
    change_installer(cache, 'check "the recording" 2\n', f'{wait}check "the recording" 2\n')
    room = open_room(cache, binds={"/debs": debs})
    script = "echo $$ >/root/pid; exec sh /cache/install_group.sh tools"
    room.start(["sh", "-c", script], until="/root/there")
    room.sh("kill -KILL $(cat /root/pid)")
    assert "lock" in room.sh("dpkg -i /debs/needed_*.deb 2>&1; :")
    done = room.install("--lock-timeout", "1", "tools")
    assert (done.status, done.result["reason"]) == (40, "dpkg-locked")
    room.sh("touch /root/go; sleep 0.5")
    done = room.install("tools")
    assert (done.status, done.result["method"]) == (0, "replay")


def test_four_installers_at_once(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    room = open_room(cache)
    running = [room.start(["sh", "/cache/install_group.sh", "tools"]) for _ in range(4)]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0], said
    assert room.audit() == ""
    assert room.sh("ls -A /tmp /run/package-cache* /var/lib/package-cache 2>/dev/null", check=False) == "/tmp:\n"


def test_a_second_group_goes_by_dpkg(
    cache: SyntheticCache, recording: Recording, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("more", ["other"], [make_deb(debs, "other")])
    room = open_room(cache)
    done = room.install("tools", "more")
    assert (done.status, done.err) == (0, "")
    assert (done.result["method"], done.result["recording"], done.result["installed"]) == ("dpkg", "an image", "3")
    assert room.state("wanted", "other") == {"wanted": "ii 1.0", "other": "ii 1.0"}
    assert room.sh("apt-mark showauto needed wanted other") == "needed\n"


def test_a_second_group_that_fails_takes_the_first_back(
    cache: SyntheticCache, recording: Recording, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("more", ["other"], [make_deb(debs, "other", scripts={"postinst": "exit 1"})])
    room = open_room(cache)
    marks = room.sh("cat /var/lib/apt/extended_states")
    done = room.install("tools", "more")
    assert (done.status, done.result["reason"], done.result["installed"]) == (50, "install-failed", "0")
    assert "undone: the new packages were removed, and dpkg is consistent" in done.err
    assert room.state("wanted", "needed", "other") == {}
    assert room.sh("cat /var/lib/apt/extended_states") == marks
    assert room.audit() == ""
    assert room.sh("ls -A /tmp /run/package-cache* /var/lib/package-cache 2>/dev/null", check=False) == "/tmp:\n"


def test_a_second_group_without_a_plan_takes_the_first_back(
    cache: SyntheticCache, recording: Recording, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("more", ["other"], [make_deb(debs, "other", depends="nowhere")])
    room = open_room(cache)
    done = room.install("tools", "more")
    assert (done.status, done.result["reason"]) == (50, "install-failed")
    assert room.state("wanted", "needed", "other") == {}


REGENERATE_FAILS = {"no output": "true", "an empty one": ': >"$1"', "a failure": 'echo x >"$1"; exit 3'}


@pytest.mark.parametrize("which", REGENERATE_FAILS)
def test_a_file_that_is_not_made_anew(
    which: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    folder = cache.path / "groups" / "tools-ubuntu18.04"
    restate_recording(folder, recording.with_list("regenerate", [f"/etc/wanted.key\t{REGENERATE_FAILS[which]}"]))
    reason = refused(open_room(cache))
    assert re.fullmatch("/etc/wanted.key was not made anew|a command that makes a file anew failed", reason)


def test_what_is_not_unpacked_is_not_taken_for_done(
    cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    folder = cache.path / "groups" / "tools-ubuntu18.04"
    last = recording.lists["finish"][-1]
    restate_recording(folder, recording.with_list("finish", ["move\t/etc/passwd", *recording.lists["finish"], last]))
    assert refused(open_room(cache)) == "/etc/passwd was not unpacked"


SMALL_ROOT = """
mkdir /s /m; mount -t tmpfs -o size=48m tmpfs /s; mkdir /s/u /s/w
mount -t overlay -o lowerdir=/,upperdir=/s/u,workdir=/s/w overlay /m
mount --rbind /proc /m/proc; mount --rbind /dev /m/dev; mount --bind /cache /m/cache
mount -t tmpfs tmpfs /m/run
"""
"""Lines of shell that make a copy of the root on a small disk at /m."""

FILL = "[ -e /run/once ] || { touch /run/once; dd if=/dev/zero of=/full bs=64k 2>/dev/null; }"
FULL = {
    "while it unpacks": ('check "the recording" 2\n', f'{FILL}\ncheck "the recording" 2\n', 41),
    "before the end": ("    replaying=finish\n", f"    {FILL}; replaying=finish\n", 0),
}


@pytest.mark.parametrize("when", FULL)
def test_a_disk_that_is_full(when: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    old, new, status = FULL[when]
    change_installer(cache, old, new)
    room = open_room(cache)
    room.sh(SMALL_ROOT)
    inside = "cd /; find etc usr var bin sbin lib opt root -xdev -printf '%p %y %m %l\\n' | sort"
    before = room.sh(f'chroot /m sh -c "{inside}"')
    install = ["chroot", "/m", "sh", "/cache/install_group.sh", "tools"]
    done = room.container.run(install, timeout=60, check=False)
    assert done.returncode == status, done
    assert room.sh("chroot /m dpkg --audit") == ""
    if status:
        assert "this was undone, and dpkg installs" in done.stdout
        assert "nothing was changed; next step: free some space" in done.stderr
        assert room.sh(f'chroot /m sh -c "{inside}"') == before
        room.sh("rm /m/full")
        done = room.container.run(install, timeout=60)
    assert "by a recording of an image" in done.stdout


@pytest.mark.parametrize("order", [("tools", "more"), ("more", "tools")])
def test_a_chain_of_recordings(
    order: tuple[str, str], cache: SyntheticCache, recording: Recording, debs: Path, open_room: OpenRoom
) -> None:
    other = make_deb(debs, "other", depends="needed", files={"/usr/share/other/other": "other\n"})
    folder = cache.add(
        "more", ["other"], [other, make_deb(debs, "needed", files={"/usr/lib/needed/needed": "needed" * 1000})]
    )
    base, done, room = open_room(cache), open_room(cache), open_room(cache)
    assert base.install("tools").result["method"] == "replay"
    assert done.install("tools", "more").result["method"] == "dpkg"
    for each in (base, done):
        each.sh("echo the same in both >/etc/wanted.key")
    record(base.container, done.container, "more", {other: "new"}).put(folder)
    outcome = room.install(*order)
    assert (outcome.status, outcome.err, outcome.result["method"]) == (0, "", "replay")
    assert (outcome.result["installed"], outcome.result["recording"]) == ("3", "an image")
    assert compared(room) == compared(done)
    assert room.audit() == ""


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04", "ubuntu24.04", "debian12"])
def test_an_upgrade(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    files = {"/usr/bin/wanted": "#!/bin/sh\necho {}\n", "/usr/share/wanted/{}": "{}\n", "/lib/udev/wanted": "{}\n"}
    old, new = (
        make_deb(debs, "wanted", version, files={p.format(version): c.format(version) for p, c in files.items()})
        for version in ("1.0", "2.0")
    )
    fresh = make_deb(debs, "fresh", depends="wanted (= 2.0)", files={"/lib/udev/fresh": "1"})
    folder = cache.add("tools", ["fresh"], [new, fresh])
    rooms = [open_room(cache, binds={"/debs": debs}) for _ in range(3)]
    for each in rooms:
        each.sh(f"dpkg -i /debs/{old.name}")
    base, done, room = rooms
    assert done.install("tools").status == 0
    record(base.container, done.container, "tools", {new: "upgraded", fresh: "new"}).put(folder)
    outcome = room.install("tools")
    assert (outcome.status, outcome.err, outcome.result["method"]) == (0, "", "replay")
    assert outcome.result["installed"] == "2"
    assert compared(room) == compared(done)
    assert room.state("wanted", "fresh") == {"wanted": "ii 2.0", "fresh": "ii 1.0"}
    assert room.audit() == ""


def test_dry_run_of_another_root_looks_at_its_status_only(
    cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    room = open_room(cache)
    room.sh("mkdir -p /r/var/lib /r/etc /r/usr; cp -a /var/lib/dpkg /r/var/lib; cp /etc/os-release /r/etc")
    room.sh("for p in bin sbin usr/bin usr/sbin; do mkdir -p /r/$p; cp -a /$p/. /r/$p; done; rm /r/usr/bin/perl")
    done = room.install("--dry-run", "--root", "/r", "tools")
    assert (done.status, done.result["method"], done.result["recording"]) == (0, "replay", "an image")
    room.sh("echo >>/r/var/lib/dpkg/status")
    done = room.install("--dry-run", "--root", "/r", "tools")
    assert (done.status, done.result["method"], done.result.get("recording")) == (0, "dpkg", None)


def test_what_cannot_be_completed_is_completed_later(
    cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    change_installer(
        cache,
        "    $act{$do}->($p, @fields) unless $rest;\n",
        '    $. == 5 && -e "/root/fail" and die "$p: no space\\n";\n    $act{$do}->($p, @fields) unless $rest;\n',
    )
    whole, room = open_room(cache), open_room(cache)
    assert whole.install("tools").status == 0
    room.sh("touch /root/fail")
    for _ in range(2):
        done = room.install("tools")
        assert (done.status, done.result["reason"]) == (50, "install-failed")
        assert "not completely undone: the next installation continues; next step: free some space" in done.err
    room.sh("rm /root/fail")
    done = room.install("tools")
    assert (done.status, done.err, done.result["method"]) == (0, "", "none")
    assert compared(room) == compared(whole)
    assert room.audit() == ""


PARTS = 24
"""A run is disturbed at the end of each of as many parts."""


@pytest.mark.parametrize("sign", ["KILL", "TERM"])
@pytest.mark.parametrize("part", spread(range(1, PARTS), 6))
def test_a_signal_at_any_point(
    part: int, sign: str, cache: SyntheticCache, recording: Recording, open_room: OpenRoom
) -> None:
    installer = cache.path / "install_group.sh"
    installer.write_text(with_points(installer.read_text()))
    whole, room = open_room(cache), open_room(cache)
    assert whole.install("tools", env={"PACKAGE_CACHE_POINTS": "/root/points"}).result["method"] == "replay"
    points = whole.sh("cat /root/points; rm /root/points").splitlines()
    point = str(len(points) * part // PARTS)
    before = compared(room)
    done = room.install("tools", env={"PACKAGE_CACHE_POINT": point, "PACKAGE_CACHE_SIGNAL": sign})
    assert room.audit() == ""
    if sign == "TERM" and done.status == 130 and "nothing was changed" in done.err:
        assert compared(room) == before
    assert done.status in ({130, 0, -15} if sign == "TERM" else {-9, 137})  # -15: before it listens
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert [line for line in compared(room) if "var/lib/dpkg/" not in line] == [
        line for line in compared(whole) if "var/lib/dpkg/" not in line
    ]
    assert room.state("wanted", "needed") == {"wanted": "ii 1.0", "needed": "ii 1.0"}
    assert room.audit() == ""
