"""What the image's sources are like: the good ones serve, whatever the others are, and nothing unsigned comes."""

from pathlib import Path

import pytest
from tests.faults.job import BUSYBOX
from tests.plugin.online.conftest import OpenImage
from tests.plugin.online.image import Image, archive
from tests.support.debs import make_deb

from package_cache.process import Completed

pytestmark = pytest.mark.system

each_system = pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04", "debian12"])
LOOSE = """
APT::Get::AllowUnauthenticated "true"; APT::Get::Force-Yes "true"; APT::Get::allow-downgrades "true";
Acquire::AllowInsecureRepositories "true"; Acquire::AllowWeakRepositories "true";
Acquire::AllowDowngradeToInsecureRepositories "true";
"""

TACITURN = """#!/bin/sh
case "$*" in *indextargets*) exit 100 ;; *) exec /usr/bin/apt-get "$@" ;; esac
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """An archive with the package `tool` 1.0 and its dependency."""
    debs = [make_deb(tmp_path, "tool", depends="needed"), make_deb(tmp_path, "needed")]
    made = archive(tmp_path / "good", *debs)
    made.publish()
    return made.folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """An archive with a newer `tool`, published in a way that makes it unfit: see `spoil`."""
    return archive(tmp_path / "other", make_deb(tmp_path, "tool", "2.0")).folder


def spoil(folder: Path, how: str) -> None:
    """Publish the archive `other` without a signature, with a stranger's, or with one that is out of date."""
    made = archive(folder, *folder.glob("pool/*/*/*.deb"))
    if how == "unsigned":
        made.publish(signed=False)
    elif how == "signed by a stranger":
        made.publish(key="stranger")
    else:
        made.publish_expired()


@pytest.fixture
def image(system: str, open_image: OpenImage, good: Path, other: Path) -> Image:
    return open_image(system, good=good, other=other)


def assert_served(image: Image, done: Completed) -> None:
    served = (done.returncode, image.room.state("tool", "needed"))
    assert served == (0, {"tool": "ii 1.0", "needed": "ii 1.0"}), done.stderr
    assert image.room.sh("apt-mark showauto needed tool") == "needed\n"
    assert image.leftovers() == ""


@each_system
def test_a_good_source_serves(image: Image) -> None:
    image.add_source("/good")
    lists = image.room.sh("ls -lAR /var/lib/apt/lists")
    done = image.run("tool")
    assert_served(image, done)
    assert done.stderr == ""
    assert done.stdout.splitlines()[:-1] == [
        "package-cache: reading the lists of the image's apt sources",
        "package-cache: installing tool",
    ]
    assert image.room.sh("ls -lAR /var/lib/apt/lists") == lists


@each_system
@pytest.mark.parametrize("how", ["dead", "unsigned", "signed by a stranger", "expired"])
def test_one_unfit_source_among_two(how: str, image: Image, other: Path) -> None:
    spoil(other, how)
    image.add_source("/other", state="dead" if how == "dead" else "well")
    image.add_source("/good")
    done = image.run("tool")
    assert_served(image, done)


@each_system
@pytest.mark.parametrize("options", ["", "allow-insecure=yes"])
def test_an_image_that_allows_unsigned_sources_is_overruled(options: str, image: Image, other: Path) -> None:
    spoil(other, "unsigned")
    image.room.sh(f"cat >/etc/apt/apt.conf.d/99loose <<'END'\n{LOOSE}\nEND")
    image.add_source("/other", options=options)
    alone = image.run("tool")
    assert (alone.returncode, image.room.state("tool")) == (50, {}), alone.stdout
    image.add_source("/good")
    done = image.run("tool")
    assert_served(image, done)


@each_system
def test_it_is_strict_also_where_apt_does_not_tell_whom_it_trusts(image: Image, other: Path) -> None:
    spoil(other, "unsigned")
    image.room.sh(f"cat >/etc/apt/apt.conf.d/99loose <<'END'\n{LOOSE}\nEND")
    image.room.sh(f"cat >/usr/sbin/apt-get <<'END'\n{TACITURN}\nEND\nchmod 755 /usr/sbin/apt-get")
    image.add_source("/other", options="allow-insecure=yes")
    done = image.run("tool")
    assert (done.returncode, image.room.state("tool")) == (50, {}), done.stdout


@each_system
def test_only_an_unsigned_source_is_refused_in_apts_words(image: Image, other: Path) -> None:
    spoil(other, "unsigned")
    host = image.add_source("/other")
    done = image.run("tool")
    assert (done.returncode, image.room.state("tool")) == (50, {})
    assert f"E: The repository 'http://{host} stable Release' is not signed." in done.stderr.splitlines()
    assert "E: Unable to locate package tool" in done.stderr.splitlines()
    assert "package-cache: cannot install tool online: dpkg does not have them installed" in done.stderr.splitlines()
    assert "package-cache: next step: read the lines above" in done.stderr
    assert "trying again" not in done.stdout
    assert image.leftovers() == ""


def test_a_source_that_the_image_declares_trusted_is_the_owners_affair(image: Image, other: Path) -> None:
    spoil(other, "unsigned")
    image.add_source("/other", options="trusted=yes")
    assert image.run("tool").returncode == 0


@pytest.mark.parametrize("system", ["ubuntu16.04", "debian12"])
def test_a_source_that_is_silent_has_an_end(image: Image) -> None:
    image.values = {"SILENCE": "1"}
    image.add_source("/good", state="silent")
    image.add_source("/good")
    done = image.run("tool", limit=30)
    assert_served(image, done)


@each_system
def test_a_dead_source_is_retried(image: Image) -> None:
    image.values = {"PAUSES": '"1 1 1 1 1"'}
    host = image.add_source("/good", state="dead")
    server = f"{BUSYBOX} httpd -f -p {host} -h /good"
    image.room.start(["sh", "-c", f"until [ -e /root/go ]; do sleep 0.1; done; exec {server}"])
    command = image.command(["tool"])
    script = f"{{ sleep 2; touch /root/go; }} >/dev/null 2>&1 & {command}"
    done = image.room.container.run(["sh", "-c", script], timeout=90, check=False)
    assert_served(image, done)
    assert "package-cache: the failure may be temporary: trying again in 1 s" in done.stdout.splitlines()


@pytest.mark.parametrize("system", ["ubuntu16.04"])
def test_dead_for_ever_ends_with_apts_words(image: Image) -> None:
    image.values = {"PAUSES": '"1 1"'}
    host = image.add_source("/good", state="dead")
    done = image.run("tool")
    assert (done.returncode, done.stdout.count("trying again in 1 s")) == (50, 2)
    assert f"W: Failed to fetch http://{host}/dists/stable/InRelease  Could not connect" in done.stderr
