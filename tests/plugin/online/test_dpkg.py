"""What dpkg is like when the fallback begins: locked, half done, or in no need of it."""

import re
from pathlib import Path

import pytest
from tests.plugin.online.conftest import OpenImage
from tests.plugin.online.image import SHELLS, Image, archive
from tests.support.debs import make_deb
from tests.support.locks import held

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.system

WAITS = r"package-cache: process \d+ \(\w+\) has /var/{path} locked: waiting for it, at most {seconds} s"
LOCKS = [("ubuntu16.04", "lock"), ("ubuntu18.04", "lock"), ("debian12", "lock"), ("debian12", "lock-frontend")]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """An archive with the package `tool`, and one whose postinst fails while /root/broken is there."""
    half = make_deb(tmp_path, "half", scripts={"postinst": "[ ! -e /root/broken ]"})
    unmet = make_deb(tmp_path, "unmet", depends="needed")
    slow = make_deb(tmp_path, "slow", scripts={"postinst": "touch /root/begun; sleep 60"})
    others = [make_deb(tmp_path, "needed"), make_deb(tmp_path, "tool", files={"/etc/tool": "new\n"})]
    made = archive(tmp_path / "good", half, unmet, slow, *others)
    made.publish()
    return made.folder


@pytest.fixture
def image(system: str, open_image: OpenImage, good: Path) -> Image:
    image = open_image(system, good=good)
    image.add_source("/good")
    return image


@pytest.mark.parametrize("seconds", [2, 60])
@pytest.mark.parametrize(("system", "lock"), LOCKS)
def test_a_lock_is_waited_for_within_the_limit(lock: str, seconds: int, image: Image) -> None:
    image.room.sh(held(lock, seconds))
    done = image.run("tool", limit=60 if seconds == 2 else 3)
    most = "60" if seconds == 2 else "[23]"
    assert re.fullmatch(WAITS.format(path=f"lib/dpkg/{lock}", seconds=most), done.stdout.splitlines()[0])
    assert image.leftovers() == ""
    if seconds == 2:
        assert (done.returncode, image.room.state("tool")) == (0, {"tool": "ii 1.0"}), done.stderr
    else:
        assert done.returncode == ExitStatus.DPKG_LOCKED.code
        said = r"package-cache: cannot install tool online: dpkg was locked for [23] s: process \d+"
        assert re.match(said, done.stderr)
        assert "package-cache: next step: wait for it to end, then run this again\n" in done.stderr


def test_debconfs_lock_is_waited_for(image: Image) -> None:
    image.room.sh(held("/var/cache/debconf/config.dat", 2, "flock"))
    done = image.run("tool")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(WAITS.format(path="cache/debconf/config.dat", seconds=60), done.stdout.splitlines()[0])


@pytest.mark.parametrize(("seconds", "limit", "status"), [(2, 15, 0), (60, 4, 40)])
@pytest.mark.parametrize("system", ["ubuntu16.04", "debian13"])
def test_where_the_kernel_does_not_say_it_waits_by_dpkgs_words(
    seconds: int, limit: int, status: int, image: Image
) -> None:
    image.room.sh(held("lock", seconds))
    command = image.command(["tool"], limit=limit).replace("/proc/locks", "/nowhere")
    done = image.room.container.run(["sh", "-c", command], timeout=90, check=False)
    assert done.returncode == status, done.stderr
    waits = r"package-cache: another process has dpkg locked: waiting for it, at most (\d+) s\n"
    match = re.match(waits, done.stdout)
    assert match, done.stdout
    assert limit - 2 <= int(match[1]) <= limit


@pytest.mark.parametrize("system", ["ubuntu16.04"])
def test_a_lock_on_the_images_lists_does_not_matter(image: Image) -> None:
    image.room.sh("touch /var/lib/apt/lists/lock /var/cache/apt/archives/lock")
    image.room.sh(held("/var/lib/apt/lists/lock", 60))
    image.room.sh(held("/var/cache/apt/archives/lock", 60))
    done = image.run("tool")
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 3), done.stdout


@pytest.mark.parametrize("system", ["ubuntu16.04", "debian12"])
@pytest.mark.parametrize("package", ["half", "unmet"])
def test_half_configured_packages_are_configured(package: str, image: Image) -> None:
    image.room.sh(f"touch /root/broken; dpkg -i /good/pool/main/{package}/*.deb || :; rm /root/broken")
    assert image.room.audit() != ""
    done = image.run("tool")
    assert (done.returncode, image.room.audit()) == (0, ""), done.stderr
    assert image.room.state(package, "tool") == {package: "ii 1.0", "tool": "ii 1.0"}


def test_packages_that_stay_broken_do_not_prevent_the_fallback(image: Image) -> None:
    image.room.sh("touch /root/broken; dpkg -i /good/pool/main/half/*.deb || :")
    done = image.run("tool")
    assert (done.returncode, image.room.state("tool")) == (0, {"tool": "ii 1.0"})
    assert "package-cache: dpkg --configure -a does not complete all that was left half done; going on" in done.stderr
    assert "package-cache: apt-get ended with status 100, but all packages are installed" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("mine", [["tool"], ["tool=1.0", "needed"], ["virtual"]])
def test_installed_packages_cost_nothing(mine: list[str], shell: str, open_image: OpenImage, tmp_path: Path) -> None:
    debs = [make_deb(tmp_path / "debs", "tool", Provides="virtual"), make_deb(tmp_path / "debs", "needed")]
    image = open_image("ubuntu16.04", debs=debs[0].parent)
    image.room.sh("dpkg -i /debs/*.deb; echo tool hold | dpkg --set-selections || :")
    before = image.room.map()
    done = image.run(*mine, shell=SHELLS[shell])
    assert done.stdout == f"package-cache: {' '.join(mine)}: already there, nothing to do\n"
    assert (done.returncode, done.stderr) == (0, "")
    assert image.room.map() == before


def test_a_signal_ends_it_at_once_and_the_next_run_completes(image: Image) -> None:
    process = image.room.start(["sh", "-c", f"echo $$ >/root/pid; exec {image.command(['slow'])}"], until="/root/begun")
    image.room.sh("kill $(cat /root/pid)")
    assert process.wait(timeout=20) == ExitStatus.INTERRUPTED.code
    assert image.leftovers() == ""
    image.room.sh("sed -i 's/sleep 60/:/' /var/lib/dpkg/info/slow.postinst")
    assert image.run("slow").returncode == 0
    assert image.room.audit() == ""
