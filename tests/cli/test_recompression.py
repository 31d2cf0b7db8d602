"""Building recompresses: what is stored, what is stated of it, when it is done again, and how it is switched off."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from debian.arfile import ArFile
from debian.deb822 import Deb822
from tests.support.world import World

from package_cache.deb.compression import NO_ZSTD, ORIGINAL, ZSTD_SINCE, Compression, compression_for
from package_cache.filesystem.paths import sha256_of

ONE = "edit,ubuntu18.04,painter\n"
TWO = f"{ONE}view,ubuntu18.04,player\n"


@pytest.fixture
def archive(world: World) -> World:
    """An archive with two packages in xz, and a library in what is chosen anyway."""
    world.add("paint-library", compression="zstd")
    world.add("painter", depends="paint-library", compression="xz")
    world.add("player", depends="paint-library", compression="xz")
    return world


def build(world: World, *words: str) -> dict[str, Any]:
    status, out, err = world.build("--json", *words)
    assert status == 0, err
    result: dict[str, Any] = json.loads(out)["result"]
    return result


def locked(world: World) -> dict[str, str]:
    """Return the hashes of the originals by package name."""
    lock = tomllib.loads((world.folder / "package-cache.lock").read_text())
    return {package["name"]: package["sha256"] for system in lock["system"] for package in system["package"]}


def pool(world: World) -> set[str]:
    return {path.name.removesuffix(".deb") for path in (world.cache / "pool").iterdir()}


def described(world: World, group: str = "edit") -> dict[str, dict[str, Any]]:
    """Return the packages of a group by name."""
    text = (world.cache / "groups" / f"{group}-ubuntu18.04" / "packages.json").read_text()
    return {package["name"]: package for package in json.loads(text)}


def test_stored_files_match_the_index(archive: World) -> None:
    archive.manifest(ONE)
    assert build(archive)["recompressed"] == 1
    originals, packages = locked(archive), described(archive)
    assert {name: package["original_sha256"] for name, package in packages.items()} == originals
    assert packages["paint-library"]["sha256"] == originals["paint-library"]
    assert packages["painter"]["sha256"] != originals["painter"]
    assert pool(archive) == {package["sha256"] for package in packages.values()}
    assert all(sha256_of(path) == path.stem for path in (archive.cache / "pool").iterdir())
    index = archive.cache / "groups" / "edit-ubuntu18.04" / "Packages"
    stated = {item["Package"]: item for item in Deb822.iter_paragraphs(index.read_text(), use_apt_pkg=False)}
    for name, package in packages.items():
        file = archive.cache / stated[name]["Filename"]
        assert (stated[name]["SHA256"], int(stated[name]["Size"])) == (package["sha256"], file.stat().st_size)
    assert "compression: zstd-9" in archive.run("show", "edit", "--cache", str(archive.cache))[1]
    assert archive.run("verify", "--cache", str(archive.cache))[0] == 0


def test_another_level_recompresses_again(archive: World) -> None:
    archive.manifest(ONE)
    build(archive)
    before = described(archive)["painter"]
    assert build(archive, "--recompress-level", "19")["recompressed"] == 1
    after = described(archive)["painter"]
    assert after["original_sha256"] == before["original_sha256"]
    assert "compression: zstd-19" in archive.run("show", "edit", "--cache", str(archive.cache))[1]
    assert build(archive, "--recompress-level", "19")["recompressed"] == 0


def test_it_is_done_once(archive: World) -> None:
    archive.manifest(ONE)
    build(archive)
    archive.server.forget_requests()
    assert build(archive)["changed"] is False
    archive.locked(TWO)
    archive.server.forget_requests()
    assert build(archive)["recompressed"] == 1
    assert archive.server.requests == ["/pool/main/player/player_1.0_all.deb"]
    assert archive.run("verify", "--cache", str(archive.cache))[0] == 0


def test_it_can_be_switched_off_and_on(archive: World) -> None:
    archive.manifest(ONE)
    first = build(archive)
    with_zstd = pool(archive)
    assert build(archive, "--no-recompress")["changed"] is True
    assert pool(archive) == set(locked(archive).values())
    assert build(archive, "--no-recompress")["changed"] is False
    assert archive.run("verify", "--cache", str(archive.cache))[0] == 0
    assert build(archive)["stored_bytes"] == first["stored_bytes"]
    assert pool(archive) == with_zstd


def test_the_same_lock_gives_the_same_cache(archive: World, tmp_path: Path) -> None:
    archive.manifest(TWO)
    build(archive)
    other = tmp_path / "other"
    assert archive.online("build", "--output", str(other))[0] == 0
    first, second = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (archive.cache, other)
    )
    assert first == second | {"package-cache.json": first["package-cache.json"]}


@pytest.mark.parametrize(
    ("systems", "compression", "original"),
    [
        ("ubuntu16.04 ubuntu17.10 debian11 elsewhere99", "gzip-6", NO_ZSTD),
        ("ubuntu18.04 ubuntu26.04 debian12", "zstd-9", ORIGINAL),
    ],
)
def test_compression_of_each_system(systems: str, compression: str, original: Compression) -> None:
    for system in systems.split():
        assert str(compression_for(system)) == compression
        assert compression_for(system, level=None) == original


def test_a_dpkg_without_zstd_gets_gzip_also_unasked(archive: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ZSTD_SINCE, "ubuntu", (99,))  # as if 18.04 were Debian 11
    archive.manifest(ONE)
    assert build(archive, "--no-recompress")["recompressed"] == 1
    originals = locked(archive)
    assert pool(archive) & set(originals.values()) == {originals["painter"]}
    (stored,) = pool(archive) - {originals["painter"]}
    assert ArFile(str(archive.cache / "pool" / f"{stored}.deb")).getnames()[1:] == ["control.tar.gz", "data.tar.gz"]
    assert build(archive, "--no-recompress")["changed"] is False
