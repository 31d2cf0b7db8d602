"""Flat repositories, whose suite ends in a slash; and repositories that state one kind of hash alone."""

import gzip
import hashlib
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.keys import throwaway_key
from tests.support.server import ArchiveServer
from tests.support.world import World

from package_cache.process import run

GROUP = '[[group]]\nname = "odd"\nsystems = ["ubuntu18.04"]\npackages = ["oddity"]\n'


def flat(folder: Path, *, below: str = "", release: str | None = "SHA256", signed: bool = True) -> None:
    """Make a flat repository as dpkg-scanpackages and gpg do; `release` is the one hash that its Release states."""
    deb = make_deb(folder / below, "oddity")
    content = deb.read_bytes()
    control = run(["dpkg-deb", "-f", str(deb)]).stdout.rstrip("\n")
    sums = f"SHA256: {hashlib.sha256(content).hexdigest()}"
    path = f"./{deb.relative_to(folder)}"
    text = f"{control}\nFilename: {path}\nSize: {len(content)}\n{sums}\n".encode()
    place = folder / below
    files = {"Packages": text, "Packages.gz": gzip.compress(text, mtime=0)}
    for name, data in files.items():
        (place / name).write_bytes(data)
    if release is None:
        return
    lines = ["Origin: Flat", f"Date: {run(['date', '-uR']).stdout.strip().replace('+0000', 'UTC')}", f"{release}:"]
    kind = release.lower().replace("md5sum", "md5")
    lines += [f" {hashlib.new(kind, data).hexdigest()} {len(data)} {name}" for name, data in files.items()]
    (place / "Release").write_text("\n".join([*lines, ""]))
    if signed:
        throwaway_key("vendor").sign_inline(place / "Release", place / "InRelease")


def locked_and_built(world: World, uri: str, *fields: str) -> tuple[int, str]:
    throwaway_key("vendor").export(world.folder / "vendor.asc", armoured=True)
    table = f'\n[[repository]]\nname = "vendor"\nuris = ["{uri}"]\n' + "".join(f"{field}\n" for field in fields)
    path = world.manifest(GROUP + table, "package-cache.toml")
    status, _, err = world.online("lock", "--manifest", str(path))
    if status != 0:
        return status, err
    status, _, more = world.build("--manifest", str(path))
    return status, err + more


@pytest.mark.parametrize("release", ["SHA256", "SHA512"])
@pytest.mark.parametrize(("suite", "below"), [("./", ""), ("/", ""), ("deb/", "deb")])
def test_a_signed_one(world: World, tmp_path: Path, suite: str, below: str, release: str) -> None:
    flat(tmp_path / "flat", below=below, release=release)
    with ArchiveServer(tmp_path / "flat") as server:
        fields = (f'suite = "{suite}"', 'key = "vendor.asc"', "priority = 700")
        assert locked_and_built(world, server.uri, *fields) == (0, "")
        assert any(path.endswith("oddity_1.0_all.deb") for path in server.requests)


def test_one_in_a_folder_of_this_machine(world: World, tmp_path: Path) -> None:
    flat(tmp_path / "fl_at")
    fields = ('suite = "./"', 'key = "vendor.asc"', "priority = 700")
    assert locked_and_built(world, f"file:{tmp_path}/fl_at", *fields) == (0, "")


def test_a_hash_that_is_too_weak_is_not_trusted(world: World, tmp_path: Path) -> None:
    flat(tmp_path / "flat", release="MD5Sum")
    with ArchiveServer(tmp_path / "flat") as server:
        status, err = locked_and_built(world, server.uri, 'suite = "./"', 'key = "vendor.asc"')
    assert status == 6
    assert "cannot trust what the mirrors of vendor (./) sent" in err


@pytest.mark.parametrize("release", ["SHA256", None])
def test_an_unsigned_one_with_and_without_a_release_file(world: World, tmp_path: Path, release: str | None) -> None:
    flat(tmp_path / "flat", release=release, signed=False)
    with ArchiveServer(tmp_path / "flat") as server:
        status, err = locked_and_built(world, server.uri, 'suite = "./"', "allow-unsigned = true")
        assert (status, err) == (
            0,
            f"warning: vendor is not signed: whoever can change {server.uri} decides what it installs\n",
        )


def test_a_repository_without_a_release_file_cannot_be_pinned(world: World, tmp_path: Path) -> None:
    flat(tmp_path / "flat", release=None)
    with ArchiveServer(tmp_path / "flat") as server:
        fields = ('suite = "./"', "allow-unsigned = true", "priority = 100")
        status, err = locked_and_built(world, server.uri, *fields)
    assert status == 5
    assert "cannot pin anything by the repository vendor: ./ has no Release file" in err


@pytest.mark.parametrize("hashes", [("SHA256",), ("SHA512", "SHA256")])
def test_one_with_suites_and_few_kinds_of_hashes(world: World, tmp_path: Path, hashes: tuple[str, ...]) -> None:
    archive = SignedArchive(tmp_path / "vendor", key="vendor", hashes=hashes)
    archive.add(make_deb(tmp_path / "vendor-debs", "oddity"))
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        fields = ('suite = "stable"', 'components = ["main"]', 'key = "vendor.asc"')
        assert locked_and_built(world, server.uri, *fields) == (0, "")


def test_one_whose_packages_state_sha_512_alone(world: World, tmp_path: Path) -> None:
    archive = SignedArchive(tmp_path / "vendor", key="vendor", hashes=("SHA512",))
    archive.add(make_deb(tmp_path / "vendor-debs", "oddity", "1:1.0~rc1"))
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        fields = ('suite = "stable"', 'components = ["main"]', 'key = "vendor.asc"')
        assert locked_and_built(world, server.uri, *fields) == (0, "")


def test_a_package_that_is_not_what_its_sha_512_says_is_not_locked(world: World, tmp_path: Path) -> None:
    archive = SignedArchive(tmp_path / "vendor", key="vendor", hashes=("SHA512",))
    deb = archive.add(make_deb(tmp_path / "vendor-debs", "oddity"))
    archive.publish()
    content = deb.read_bytes()
    deb.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with ArchiveServer(archive.folder) as server:
        fields = ('suite = "stable"', 'components = ["main"]', 'key = "vendor.asc"')
        status, err = locked_and_built(world, server.uri, *fields)
    assert (status, "Hash Sum mismatch" in err) == (3, True)


def test_one_whose_packages_state_no_strong_hash(world: World, tmp_path: Path) -> None:
    archive = SignedArchive(tmp_path / "vendor", key="vendor", hashes=("MD5Sum", "SHA256"))
    archive.hashes_of_packages = ("MD5Sum",)
    archive.add(make_deb(tmp_path / "vendor-debs", "oddity"))
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        fields = ('suite = "stable"', 'components = ["main"]', 'key = "vendor.asc"')
        status, err = locked_and_built(world, server.uri, *fields)
    manifest = world.folder / "package-cache.toml"
    assert (status, err) == (
        3,
        "error: cannot lock this manifest\n"
        f"{manifest}:3:12: group[0].systems[0]: group 'odd' cannot be installed in ubuntu18.04:\n"
        "    its repository states neither SHA-256 nor SHA-512 of pool/main/oddity/oddity_1.0_all.deb\n"
        "    ask the owner of the repository for the field SHA256 in its Packages, or name another repository\n",
    )
