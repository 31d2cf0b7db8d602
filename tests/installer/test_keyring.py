"""A signed group: the apt of each release takes it with Signed-By, and the installer with --keyring; neither else."""

from pathlib import Path

import pytest
from tests.faults.job import BUSYBOX
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb
from tests.support.keys import EXPIRED, throwaway_key

from package_cache.cache.release import WITHOUT_BY_HASH
from package_cache.process import run
from package_cache.signatures import Signer

SYSTEMS = ["ubuntu16.04", "ubuntu18.04", "ubuntu24.04", "debian13"]

pytestmark = pytest.mark.parametrize("system", SYSTEMS)


@pytest.fixture
def folder(cache: SyntheticCache, debs: Path, tmp_path: Path) -> Path:
    """The folder of a group, and beside the cache the keys `archive`, `stranger` and one that has expired."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("archive", "stranger", EXPIRED):
        throwaway_key(name).export(keys / f"{name}.gpg")
    throwaway_key("archive").export(keys / "archive.asc", armoured=True)
    throwaway_key("archive").export_revoked(keys / "revoked.gpg")
    key = throwaway_key("archive")
    signer = Signer((key.fingerprint,), key.home)
    return cache.add("tools", ["wanted"], [make_deb(debs, "wanted")], signer=signer)


@pytest.fixture
def room(cache: SyntheticCache, folder: Path, tmp_path: Path, open_room: OpenRoom) -> Room:
    assert (folder / "Release.gpg").exists()
    return open_room(cache, binds={"/keys": tmp_path / "keys", BUSYBOX: Path("/bin/busybox")})


def sign(folder: Path, name: str) -> None:
    """Sign a group's Release with another key, in both forms."""
    throwaway_key(name).sign_inline(folder / "Release", folder / "InRelease")
    throwaway_key(name).sign_detached(folder / "Release", folder / "Release.gpg")


APT = """
echo 'deb [signed-by=/keys/{key}.gpg] {uri} groups/tools-{system}/' >/etc/apt/sources.list
rm -rf /etc/apt/sources.list.d /var/lib/apt/lists; mkdir -p /var/lib/apt/lists/partial
echo 'APT::Sandbox::User "root"; Acquire::Languages "none";' >/etc/apt/apt.conf.d/00test
apt-get update; DEBIAN_FRONTEND=noninteractive apt-get -y install wanted"""


def by_apt(room: Room, system: str, uri: str = "file:/cache", key: str = "archive") -> dict[str, str]:
    room.sh(APT.format(key=key, uri=uri, system=system), check=False)
    return room.state("wanted")


def test_apt_installs_from_it(room: Room, system: str) -> None:
    assert by_apt(room, system) == {"wanted": "ii 1.0"}


def test_apt_installs_from_it_by_http(room: Room, folder: Path, system: str) -> None:
    if system not in WITHOUT_BY_HASH:
        (folder / "Packages").write_text("of a group that is replaced meanwhile")  # its hash finds the right one
    room.start([BUSYBOX, "httpd", "-f", "-p", "127.0.0.1:8089", "-h", "/cache"])
    room.sh(f"until {BUSYBOX} wget -q -O /dev/null http://127.0.0.1:8089/install_group.sh; do sleep 0.1; done")
    assert by_apt(room, system, "http://127.0.0.1:8089") == {"wanted": "ii 1.0"}


@pytest.mark.parametrize("file", ["InRelease", "Release", "Packages"])
def test_apt_refuses_one_altered_byte(file: str, room: Room, folder: Path, system: str) -> None:
    if file == "Release":  # where there is no InRelease
        (folder / "InRelease").unlink()
    for altered in [folder / file, *(folder.glob("by-hash/SHA256/*") if file == "Packages" else ())]:
        altered.write_bytes(altered.read_bytes().replace(b"ack", b"akc", 1))
    assert by_apt(room, system) == {}
    assert by_apt(room, system, key="stranger") == {}


@pytest.mark.parametrize("key", ["archive.gpg", "archive.asc"])
def test_the_installer_takes_what_a_key_signed(key: str, room: Room, system: str) -> None:
    done = room.install("tools", "--keyring", f"/keys/{key}")
    assert (done.status, room.state("wanted")) == (0, {"wanted": "ii 1.0"}), done.err


def test_what_the_installer_refuses(room: Room, folder: Path, system: str) -> None:
    def refused(why: str, key: str = "archive.gpg") -> None:
        done = room.install("tools", "--keyring", f"/keys/{key}")
        assert (done.status, done.result["reason"], done.out) == (33, "not-trusted", ""), done.err
        assert why in done.err, done.err
        assert room.state("wanted") == {}

    has_gpgv = system != "debian13"
    refused("no key of" if has_gpgv else "no key of /keys/stranger.gpg", "stranger.gpg")
    refused("the key that signed it is revoked" if has_gpgv else "no key of", "revoked.gpg")
    whole, detached = (folder / "Release").read_text(), (folder / "Release.gpg").read_text()
    (folder / "Release").write_text(whole.replace("Architectures: amd64", "Architectures: amd63"))
    refused("its signature is of other bytes" if has_gpgv else "no key of")
    (folder / "Release").write_text(whole)
    (folder / "Release.gpg").write_text(detached[: len(detached) // 2])
    refused("")
    (folder / "Release.gpg").unlink()
    refused("it is not signed")
    if has_gpgv:  # sqv asks whether the key was valid when it signed
        sign(folder, EXPIRED)
        refused("the key that signed it has expired", f"{EXPIRED}.gpg")
    sign(folder, "stranger")
    refused("no key of")


def test_of_two_signatures_one_is_enough(room: Room, folder: Path, tmp_path: Path, system: str) -> None:
    """So keys are replaced: until all containers know the new one, both sign."""
    detached = folder / "Release.gpg"
    old = detached.read_bytes()
    throwaway_key("stranger").sign_detached(folder / "Release", detached)
    both = b""
    for number, armoured in enumerate((old, detached.read_bytes())):
        file = tmp_path / f"{number}.asc"
        file.write_bytes(armoured)
        run(["gpg", "--dearmor", str(file)])
        both += file.with_suffix(".asc.gpg").read_bytes()
    detached.write_bytes(both)
    for key in ("archive", "stranger"):
        done = room.install("tools", "--dry-run", "--keyring", f"/keys/{key}.gpg")
        assert done.status == 0, (key, done.err)


def test_a_container_that_cannot_check(room: Room, system: str) -> None:
    room.sh("rm -f /usr/bin/gpgv /usr/bin/sqv")
    done = room.install("tools", "--keyring", "/keys/archive.gpg")
    assert (done.status, "there is neither gpgv nor sqv here" in done.err) == (33, True)


def test_a_keyring_that_is_none(room: Room, system: str) -> None:
    assert room.install("tools", "--keyring", "/keys/nothing").status == 2
    done = room.install("tools", "--keyring", "/etc/passwd")
    assert (done.status, room.state("wanted")) == (33, {})
