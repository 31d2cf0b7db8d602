"""Signatures of archives, as the apt of each release verifies them with our configuration: gpgv decides everywhere."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.keys import EXPIRED, throwaway_key
from tests.system.conftest import Start

from package_cache.apt.network import NOT_THIS_MACHINES
from package_cache.apt.solver import config_text

SYSTEMS = ["ubuntu16.04", "debian12", "debian13", "ubuntu26.04"]
UPDATE = """
mkdir -p /root/apt/lists/partial /root/apt/cache/archives/partial /root/apt/log /root/apt/etc; : >/root/apt/status
cp /archives/apt.conf /root/apt.conf
for name in $(cd /archives && ls -d */); do
    rm -rf /root/apt/lists/*; mkdir -p /root/apt/lists/partial
    keyring=/archives/${name}archive-keyring.gpg
    echo "deb [signed-by=${keyring}] file:/archives/${name} stable main" >/root/apt/etc/sources.list
    APT_CONFIG=/root/apt.conf apt-get update >/root/log 2>&1
    status=$?
    if APT_CONFIG=/root/apt.conf apt-cache policy tool | grep -q 'Candidate: 1'; then echo "${name%/} accepted"; fi
    [ "${status}" = 0 ] || echo "${name%/} refused"
done
"""


def inline(archive: SignedArchive) -> Path:
    """Return InRelease, which is then the only signed file."""
    (archive.folder / "dists/stable/Release.gpg").unlink()
    (archive.folder / "dists/stable/Release").unlink()
    return archive.folder / "dists/stable/InRelease"


def rewritten(archive: SignedArchive, change: Callable[[str], str]) -> None:
    release = inline(archive)
    release.write_text(change(release.read_text()))


def with_sha1(archive: SignedArchive) -> None:
    plain = archive.folder / "dists/stable/Release"
    text = plain.read_text()
    release = inline(archive)
    plain.write_text(text)
    throwaway_key().sign_inline(plain, release, digest="SHA1")
    plain.unlink()


REFUSED: dict[str, Callable[[SignedArchive], object]] = {
    "by_an_expired_key": lambda archive: archive,  # whose key it is
    "truncated": lambda archive: rewritten(archive, lambda text: text[:-60]),
    "altered": lambda archive: rewritten(archive, lambda text: text.replace("Origin: Test", "Origin: Tset")),
    "with_sha1": with_sha1,
    "revoked": lambda archive: throwaway_key("archive").export_revoked(archive.keyring),
    "by_nobody": lambda archive: archive.publish(signed=False),
    "by_a_stranger": lambda archive: archive.publish(key="stranger"),
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One repository for each case, in a folder of its name."""
    folder = tmp_path_factory.mktemp("archives")
    deb = make_deb(folder.parent / "debs", "tool", "1")
    for case in ("as_it_is", *REFUSED):
        archive = SignedArchive(folder / case, key=EXPIRED if case == "by_an_expired_key" else "archive")
        archive.add(deb)
        archive.publish()
        if case in REFUSED:
            REFUSED[case](archive)
    own = ('Dir::Etc "/root/apt/etc";', *NOT_THIS_MACHINES)
    (folder / "apt.conf").write_text(config_text("/root/apt", ["amd64"], *own))
    return folder


@pytest.mark.parametrize("system", SYSTEMS)
def test_only_what_is_signed_by_a_key_that_is_valid_is_accepted(system: str, archives: Path, start: Start) -> None:
    container = start(system, {"/archives": archives}, include=["gpgv"])
    told = container.run(["sh", "-c", UPDATE], timeout=120).stdout.split("\n")
    assert sorted(filter(None, told)) == sorted(["as_it_is accepted", *(f"{case} refused" for case in REFUSED)])
