"""`record`, from installing to the proof, and what the installer does with its recordings."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.installer.conftest import OpenRoom, open_room
from tests.installer.synthetic import Room, SyntheticCache
from tests.recording.conftest import Recorded
from tests.support.busybox import tree
from tests.support.debs import make_deb
from tests.support.roots import mounts_that_may_be_ours
from tests.tiers import ROOT

from package_cache.errors import CacheError
from package_cache.manifest.model import Rule, RuleKind
from package_cache.process import run
from package_cache.recording import installation
from package_cache.recording.model import Outcome, OutcomeKind

__all__ = ["open_room"]

MakeRoot = Callable[[str], Path]

KEY = 'umask 077; head -c 20 /dev/urandom | sha256sum >"$1"'
MAKE = "(umask 077; head -c 20 /dev/urandom | sha256sum >{})"
RULES = (
    Rule("/etc/good.key", RuleKind.REGENERATE, "a secret", KEY),
    Rule("/var/lib/good/*.time", RuleKind.KEEP, "a time"),
    Rule("/etc/secret.key", RuleKind.KEEP, "wrongly kept"),
    Rule("/var/lib/lively/**", RuleKind.LIVE, "depends on the container"),
)

PREINST = r"""
dpkg-divert --package good --quiet --add --rename --divert \
    /usr/share/common-licenses/BSD.old /usr/share/common-licenses/BSD
"""

POSTINST = (
    r"""
[ "$1" = configure ] || exit 0
while read -r line; do :; done </etc/passwd
ls /etc/pam.d >/dev/null
[ ! -e /etc/looked-for ] || echo yes >/etc/good.found
update-alternatives --install /usr/bin/good-choice good-choice /usr/bin/good 50
dpkg-statoverride --list /usr/bin/good-special >/dev/null ||
    dpkg-statoverride --update --add root adm 2750 /usr/bin/good-special
perl -e '$v = pack("V5", 0x02000001, 1 << 10, 0, 0, 0);
    ($p, $n) = ("/usr/bin/good-capable", "security.capability"); syscall(188, $p, $n, $v, 20, 0) == 0 or die $!'
id good-user 2>/dev/null || useradd -r good-user
chown good-user /var/lib/good
rm -f /etc/legal
chmod 711 /srv
mkdir -p /var/log/good /run/good /var/lib/good
echo "$(date)" >/var/log/good.log; echo "$$" >/run/good/pid
echo generated >/usr/share/good/one; ln /usr/share/good/one /usr/share/good/two
ln -s ../good/one /usr/share/good/link
ln /usr/share/good/data /usr/share/good/a-second-name
date +%s%N >/var/lib/good/a.time
("""
    + KEY.replace('"$1"', "/etc/good.key")
    + r""")
sleep 1000 </dev/null >/dev/null 2>&1 &
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recorded")


@pytest.fixture(scope="module")
def packages(folder: Path) -> Recorded:
    """A cache with groups that can be recorded, and groups that cannot."""
    made = Recorded(folder, SyntheticCache(folder / "cache", ROOT))
    debs = folder / "debs"
    files = {
        "/usr/bin/good": "#!/bin/sh\necho good\n", "/usr/bin/good-special": "#!/bin/sh\n", "/etc/good.conf": "a = 1\n",
        "/usr/bin/good-capable": "#!/bin/sh\n", "/usr/share/good/data": "data", "/usr/share/good/shared": "of good",
        "/usr/share/common-licenses/BSD": "another", "/var/lib/good/state": "1",
    }  # fmt: skip
    upgrade = make_deb(debs, "sensible-utils", "99", files={"/usr/bin/sensible-editor": "#!/bin/sh\necho new\n"})
    scripts = {"preinst": PREINST, "postinst": POSTINST, "triggers": "interest-noawait /usr/share/triggering\n"}
    good = make_deb(
        debs, "good", depends="sensible-utils (>= 99)", files=files, scripts=scripts, conffiles=["/etc/good.conf"]
    )
    more = make_deb(
        debs,
        "more",
        files={"/usr/share/good/shared": "of more", "/usr/share/triggering/x": "x"},
        depends="good",
        Replaces="good",
    )
    made.add("good", upgrade, good, more)
    made.package(
        "later",
        "echo later >/usr/share/later; [ ! -e /etc/good.conf ] || cp /etc/good.conf /etc/later.conf",
        depends="base-files",
    )
    made.package("host", "hostname >/etc/host-of-it")
    made.package("secret", MAKE.format("/etc/secret.key"))
    made.package("lively", "mkdir /var/lib/lively; echo 1 >/var/lib/lively/data")
    made.describe()
    return made


@pytest.fixture(scope="module")
def outcomes(packages: Recorded, product_root: MakeRoot) -> dict[str, Outcome]:
    """What came of recording them."""
    return packages.record(product_root(ROOT), rules=RULES, sets=[["good", "later"]])


def test_what_comes_of_each(outcomes: dict[str, Outcome]) -> None:
    said = {name: (outcome.kind, outcome.why, outcome.path, outcome.package) for name, outcome in outcomes.items()}
    made = (OutcomeKind.RECORDED, "", "", "")
    assert said == {
        "good": made,
        "later": made,
        "good+later": made,
        "host": (
            OutcomeKind.REFUSED,
            "/etc/host-of-it differs between two installations, and no rule names it; written by the postinst of host",
            "/etc/host-of-it", "host",
        ),
        "secret": (
            OutcomeKind.REFUSED,
            "/etc/secret.key differs between two installations and looks like a secret: "
            "random bytes in a file that only its owner can read",
            "/etc/secret.key", "",
        ),
        "lively": (OutcomeKind.LIVE, "depends on the container", "/var/lib/lively/data", ""),
    }  # fmt: skip


IGNORED = ("var/log/good.log", "var/cache/ldconfig/", "-old", "var/lib/dpkg/lock", "etc/good.key", "/good/a.time")
LOGS = (".log", "var/log/apt", "var/log/lastlog", "var/log/faillog", "var/log/tallylog", ".pwd.lock")
CAPABILITY = """perl -e '($p, $n) = ("/usr/bin/good-capable", "security.capability"); $v = " " x 24;
print syscall(191, $p, $n, $v, 24)'"""


def compared(room: Room) -> list[str]:
    """Return all that is in a room, but for what no recording has."""
    tops = "etc usr var bin sbin lib opt root srv"
    owners = f"find {tops} -xdev -printf '%p %U %G ' \\( -type d -o -printf %n \\) -printf '\\n' | sort"
    lines = [*room.map(), *room.sh(f"cd / && {owners}").splitlines()]
    return [line for line in lines if not any(one in line for one in (*IGNORED, *LOGS, "var/lib/dpkg/triggers/Lock"))]


def test_a_replay_is_equal(packages: Recorded, outcomes: dict[str, Outcome], open_room: OpenRoom) -> None:
    assert outcomes["good+later"].kind is OutcomeKind.RECORDED
    by_dpkg, room = open_room(packages.cache), open_room(packages.cache)
    assert by_dpkg.install("--no-replay", "good").result["method"] == "dpkg"
    done = room.install("good")
    assert (done.status, done.err, done.result["method"], done.result["recording"]) == (0, "", "replay", "a root")
    assert compared(room) == compared(by_dpkg)
    assert room.audit() == ""
    keys = [each.sh("cat /etc/good.key") for each in (room, by_dpkg)]
    assert keys[0] != keys[1]
    assert room.sh("stat -c %a /etc/good.key; good-choice; ls -d /var/log/good /run/good 2>/dev/null", check=False) == (
        "600\ngood\n/var/log/good\n"
    )
    assert room.sh(CAPABILITY) == by_dpkg.sh(CAPABILITY) == "20"
    assert room.sh("cat /var/lib/good/a.time") != by_dpkg.sh("cat /var/lib/good/a.time")
    assert room.install("later").result["method"] == "replay"
    assert by_dpkg.install("--no-replay", "later").result["method"] == "dpkg"
    assert compared(room) == compared(by_dpkg)
    assert room.install("good", "later").result["method"] == "none"


def test_what_was_read_looked_for_or_listed_must_be_the_same(
    packages: Recorded, outcomes: dict[str, Outcome], open_room: OpenRoom
) -> None:
    assert outcomes["good"].kind is OutcomeKind.RECORDED
    room = open_room(packages.cache)

    def refused() -> str:
        return room.install("--dry-run", "good").result.get("replay", "")

    assert refused() == ""
    room.sh("mkdir /kept && cp -a /etc /var/lib/dpkg /kept")
    changes = {
        "echo x:x:999:999::/:/bin/sh >>/etc/passwd": "/etc/passwd is not the file",
        "touch /etc/looked-for": "/etc/looked-for is there",
        "touch /etc/pam.d/more": "/etc/pam.d does not list what it listed",
        "echo path-exclude=/usr/share/good/data >/etc/dpkg/dpkg.cfg.d/x": "/etc/dpkg/dpkg.cfg.d does not list",
        "dpkg-divert --quiet --add --divert /usr/bin/x.real /usr/bin/x": "/var/lib/dpkg/diversions is not the file",
        "update-alternatives --set pager /bin/more": "/var/lib/dpkg/alternatives/pager",
        "dpkg-statoverride --add root root 600 /usr/share/x": "/var/lib/dpkg/statoverride is not the file",
        "chmod 600 /etc/group": "/etc/group is not the file",
        "rm /etc/legal; mkdir /etc/legal": "/etc/legal is not the file",
        "mkdir -p /var/lib/good": "/var/lib/good is there",
        "touch /etc/ld.so.preload": "/etc/ld.so.preload is there",
    }
    found = {}
    for change in changes:
        room.sh(change)
        found[change] = refused()
        room.sh(
            "rm -rf /etc/legal /var/lib/good /etc/looked-for /etc/pam.d/more /etc/dpkg/dpkg.cfg.d/x /etc/ld.so.preload"
        )
        room.sh("cp -a /kept/etc/. /etc; cp -a /kept/dpkg/. /var/lib/dpkg")
    assert {change: reason[: len(changes[change])] for change, reason in found.items()} == changes
    assert refused() == ""
    room.sh("touch /etc/looked-for")
    done = room.install("good")
    assert (done.status, done.result["method"]) == (0, "dpkg")
    assert done.result["replay"] == "/etc/looked-for is there"
    assert room.sh("cat /etc/good.found") == "yes\n"


def test_nothing_is_done_again(
    packages: Recorded, outcomes: dict[str, Outcome], product_root: MakeRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(packages.cache.path)
    monkeypatch.setattr(installation, "disposable_root", None)
    recorded = [name for name, outcome in outcomes.items() if outcome.kind is OutcomeKind.RECORDED]
    again = packages.record(product_root(ROOT), "good", "later", rules=RULES, sets=[["good", "later"]])
    assert {name: outcome.kind for name, outcome in again.items()} == dict.fromkeys(recorded, OutcomeKind.UNCHANGED)
    assert tree(packages.cache.path) == before


def test_two_images_with_the_same_status(
    packages: Recorded, outcomes: dict[str, Outcome], product_root: MakeRoot, tmp_path: Path
) -> None:
    before = tree(packages.cache.path)
    [same] = packages.record(product_root(ROOT), "good", rules=RULES, name="another image").values()
    assert (same.kind, same.recording) == (OutcomeKind.UNCHANGED, outcomes["good"].recording)
    run(["cp", "-a", str(product_root(ROOT)), str(tmp_path / "root")])
    (tmp_path / "root/etc/looked-for").touch()
    [other] = packages.record(tmp_path / "root", "good", rules=RULES, name="a third image").values()
    assert other.kind is OutcomeKind.REFUSED
    assert other.why == "a root has the same packages and is recorded, but is another: /etc/looked-for is there"
    assert tree(packages.cache.path) == before


@pytest.mark.parametrize("moment", range(1, 4))
def test_an_interruption_leaves_the_cache_as_it_was(
    recorded: Recorded, product_root: MakeRoot, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded.package("small", "echo 1 >/usr/share/small")
    recorded.describe()
    before, mounts = tree(recorded.cache.path), mounts_that_may_be_ours()
    temporary = recorded.folder / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    install = installation._install
    calls = []

    def interrupted(*arguments: Any, **options: Any) -> None:
        install(*arguments, **options)
        calls.append(arguments)
        if len(calls) == moment:
            raise KeyboardInterrupt

    monkeypatch.setattr(installation, "_install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recorded.record(product_root(ROOT))
    assert tree(recorded.cache.path) == before
    assert list(temporary.iterdir()) == []
    assert mounts_that_may_be_ours() == mounts


def test_a_cache_with_an_older_installer(recorded: Recorded, product_root: MakeRoot) -> None:
    recorded.package("small", "echo 1 >/usr/share/small")
    installer = recorded.cache.path / "install_group.sh"
    installer.write_text(installer.read_text().replace("--no-replay", "--no-such"))
    recorded.describe()
    with pytest.raises(CacheError, match="its installer is an older one, which knows no recordings"):
        recorded.record(product_root(ROOT))


def test_a_group_that_is_there_already(recorded: Recorded, product_root: MakeRoot) -> None:
    recorded.add("there", make_deb(recorded.folder / "debs", "grep", "1.0"), requests=["grep"])
    recorded.describe()
    outcome = recorded.record(product_root(ROOT))["there"]
    assert (outcome.kind, outcome.why) == (OutcomeKind.REFUSED, "the image has all of its packages already")


HOSTILE = {
    "usr/bin/env": "#!/bin/sh\n/bin/touch /etc/by-env\n"
    'while [ "$1" != "${1#*=}" ]; do export "$1"; shift; done\nexec "$@"\n',
    "usr/local/sbin/sleep": "#!/bin/sh\n/bin/touch /etc/by-sleep\n",
}
"""Programs that neither the installer nor these packages run."""


def hostile_root(recorded: Recorded, root: Path, files: Mapping[str, str]) -> Path:
    """Return a copy of a root with other files."""
    copy = recorded.folder / "root"
    run(["cp", "-a", "--reflink=auto", str(root), str(copy)])
    owner = root.stat()
    for name, text in files.items():
        path = copy / name
        missing = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        for each in (path, *missing):
            os.chown(each, owner.st_uid, owner.st_gid)
    return copy


def test_programs_of_a_hostile_image_that_no_honest_one_has(
    recorded: Recorded, product_root: MakeRoot, open_room: OpenRoom
) -> None:
    """Whatever they do: the recording fits no honest image with the same status of dpkg."""
    root = hostile_root(recorded, product_root(ROOT), HOSTILE)
    with (root / "bin/bash").open("ab") as file:
        file.write(b"\0")
    recorded.add("quiet", make_deb(recorded.folder / "debs", "quiet", files={"/usr/share/quiet": "x"}))
    script = {"postinst": "#!/bin/bash\necho 1 >/usr/share/bashed\n"}
    recorded.add("bashed", make_deb(recorded.folder / "debs", "bashed", scripts=script))
    recorded.describe()
    made = recorded.record(root)
    room = open_room(recorded.cache)
    for name, reason in (("quiet", None), ("bashed", "/bin/bash is not the file")):
        assert made[name].kind is OutcomeKind.RECORDED
        done = room.install("--dry-run", name)
        assert (done.result.get("replay") or "").startswith(reason or ""), name
        assert (done.result["method"] == "replay") == (reason is None), done.result
    room.install("quiet")
    assert room.sh("ls /etc/by-* 2>/dev/null", check=False) == ""


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("var/lib/package-cache/1-2/replay", "/var/lib/package-cache/1-2 is of an installation that did not end"),
        ("run/flag", ""),
    ],
)
def test_what_a_hostile_image_has_in_ignored_folders(
    recorded: Recorded, product_root: MakeRoot, open_room: OpenRoom, place: str, why: str
) -> None:
    root = hostile_root(recorded, product_root(ROOT), {place: "evil\n"})
    recorded.package("flagged", "[ ! -e /run/flag ] || cat /run/flag >/etc/flagged")
    recorded.describe()
    outcome = recorded.record(root)["flagged"]
    assert outcome.why.startswith(why)
    assert (outcome.kind is OutcomeKind.RECORDED) == (not why)
    if not why:
        room = open_room(recorded.cache)
        assert (
            room.install("flagged").result["replay"] == "/run/flag is not the file that was there when it was recorded"
        )
        assert room.sh("ls /etc/flagged", check=False) == ""
