"""`provenance`, and `verify --from-archive`, which repeats what it says."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from tests.support.keys import throwaway_key
from tests.support.vendor import Vendor
from tests.support.world import World, refused, toml_group

from package_cache.bounded_toml import load_toml
from package_cache.deb.compression import Compression
from package_cache.deb.recompression import recompress
from package_cache.filesystem.paths import sha256_of, text_digest

MANIFEST = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"
NAMES = ["editor", "libshared", "viewer"]


@pytest.fixture
def made(world: World) -> World:
    """A cache and its lock."""
    world.built(MANIFEST)
    return world


def provenance(world: World, *words: str) -> dict[str, Any]:
    """Return a statement that in-toto's own library takes."""
    lock = str(world.folder / "package-cache.lock")
    status, out, err = world.run("provenance", "--cache", str(world.cache), "--lock", lock, *words)
    assert status == 0, err
    document: dict[str, Any] = json.loads(out)
    Statement.copy_from_pb(ParseDict(document, statement_pb2.Statement())).validate()
    ParseDict(document["predicate"], provenance_pb2.Provenance())
    return document


def locked(world: World) -> dict[str, Any]:
    document: dict[str, Any] = load_toml((world.folder / "package-cache.lock").read_text())
    [system] = document["system"]
    assert isinstance(system, dict)
    return system


def test_each_file_of_the_archive_is_named_and_what_became_of_it(made: World) -> None:
    document = provenance(made)
    definition = document["predicate"]["buildDefinition"]
    packages = {item["name"]: item for item in locked(made)["package"]}
    files = {item["name"].split("_")[0]: item for item in definition["resolvedDependencies"] if "uri" in item}
    assert {name: item["digest"]["sha256"] for name, item in files.items()} == {
        name: packages[name]["sha256"] for name in NAMES
    }
    assert files["editor"]["uri"] == "pkg:deb/ubuntu/editor@1.0?arch=all&distro=ubuntu-18.04"
    assert files["editor"]["annotations"] == {"repository": "ubuntu", "path": packages["editor"]["path"]}
    stored = document["predicate"]["runDetails"]["byproducts"]
    assert {item["annotations"]["from"] for item in stored} == {item["sha256"] for item in packages.values()}
    for item in stored:
        assert sha256_of(made.cache / item["name"]) == item["digest"]["sha256"]
        assert item["annotations"]["compression"] == "zstd-9"
        assert item["annotations"]["compressedBy"].startswith("zstd ")


def test_who_vouched_for_it(made: World) -> None:
    releases = [
        item for item in provenance(made)["predicate"]["buildDefinition"]["resolvedDependencies"] if "uri" not in item
    ]
    assert {item["name"] for item in releases} == {"ubuntu bionic", "ubuntu bionic-updates", "ubuntu bionic-security"}
    for item in releases:
        suite = made.archive.folder / "dists" / item["name"].split()[1]
        assert item["digest"]["sha256"] in {sha256_of(path) for path in suite.glob("*Release")}
        assert item["annotations"]["signedBy"] == [throwaway_key("archive").fingerprint]


def test_the_builder_is_the_version_that_built_it(made: World) -> None:
    file = made.cache / "package-cache.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "built_by": "package-cache 0.0.1"}))
    builder = {"id": "pkg:pypi/pod-package-cache", "version": {"builtBy": "package-cache 0.0.1"}}
    assert provenance(made)["predicate"]["runDetails"]["builder"] == builder


def test_what_architectures_and_groups_share_is_stated_once(world: World) -> None:
    world.archive.architectures = ["amd64", "arm64"]
    world.add("tool", architecture="amd64")
    world.add("tool", architecture="arm64")
    both = 'architectures = ["amd64", "arm64"]\n'
    world.built(toml_group("all", "tool", "editor", more=both) + toml_group("edit", "editor", more=both))
    predicate = provenance(world)["predicate"]
    files = [item["name"] for item in predicate["buildDefinition"]["resolvedDependencies"] if "uri" in item]
    assert sorted(files) == ["editor_1.0_all", "libshared_1.0_all", "tool_1.0_amd64", "tool_1.0_arm64"]
    assert len(predicate["runDetails"]["byproducts"]) == 4


def test_a_release_of_a_third_party_is_not_named_by_the_repositorys_uri(world: World, vendor: Vendor) -> None:
    """It has the hash of one file; the URI is that of all suites and packages."""
    throwaway_key("vendor").export(world.folder / "vendor.asc", armoured=True)
    assert vendor.lock(world, 'key = "vendor.asc"')[0] == 0
    assert world.build()[0] == 0
    found = provenance(world)["predicate"]["buildDefinition"]["resolvedDependencies"]
    [release] = [item for item in found if item["name"].startswith("vendor ")]
    assert ("uri" in release, release["annotations"]["repositoryUri"]) == (False, vendor.server.uri)
    [package] = [item for item in found if item["name"].startswith("oddity_")]
    assert package["downloadLocation"] == f"{vendor.server.uri}/{package['annotations']['path']}"


def test_subjects_are_the_description_and_images(made: World) -> None:
    digest = "sha256:" + "ab" * 32
    document = provenance(made, "--image", f"docker://localhost:5000/cache@{digest}")
    assert document["subject"] == [
        {"name": "package-cache.json", "digest": {"sha256": sha256_of(made.cache / "package-cache.json")}},
        {"name": "localhost:5000/cache", "digest": {"sha256": "ab" * 32}},
    ]
    lock = str(made.folder / "package-cache.lock")
    for text in ("cache:latest", f"\x9b31m@{digest}", f"\udcff@{digest}"):
        refused(made.run("provenance", "--cache", str(made.cache), "--lock", lock, "--image", text), 2, "NAME@sha256:")


def test_two_images_of_one_name(made: World) -> None:
    """As one repository has the forms volume and init."""
    images = [f"localhost:5000/cache@sha256:{digit * 64}" for digit in "aab"]
    subjects = provenance(made, *(word for image in images for word in ("--image", image)))["subject"]
    assert [item["digest"]["sha256"] for item in subjects[1:]] == ["a" * 64, "b" * 64]


def test_a_staged_cache_comes_from_what_it_has(made: World) -> None:
    volume = made.folder / "volume"
    assert made.run("stage", "edit", "--cache", str(made.cache), "--to", str(volume))[0] == 0
    definition = provenance(made, "--cache", str(volume))["predicate"]["buildDefinition"]
    files = [item["name"] for item in definition["resolvedDependencies"] if "uri" in item]
    assert files == ["editor_1.0_all", "libshared_1.0_all"]


@pytest.mark.parametrize("created", ["", "yesterday", "2026-02-31T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_cache_that_was_made_at_no_time(made: World, created: str) -> None:
    file = made.cache / "package-cache.json"
    document = {**json.loads(file.read_text()), "created": created}
    file.write_text(json.dumps(document))
    lock = str(made.folder / "package-cache.lock")
    done = made.run("provenance", "--cache", str(made.cache), "--lock", lock)
    refused(done, 31, f"created: {created!r} is not a time")


def test_text_of_a_stranger_stays_json(made: World) -> None:
    text = "\x1b[31m \x9b31m \u202e \x7f"
    file = made.cache / "package-cache.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "built_by": text, "manifest": text}))
    predicate = provenance(made)["predicate"]
    assert predicate["buildDefinition"]["externalParameters"]["manifest"] == text
    assert predicate["runDetails"]["builder"]["version"]["builtBy"] == text


def test_the_same_cache_gives_the_same_bytes(made: World) -> None:
    words = ["provenance", "--cache", str(made.cache), "--lock", str(made.folder / "package-cache.lock")]
    first = made.run(*words)[1]
    assert made.run(*words)[1] == first
    file = made.folder / "provenance.json"
    assert made.run(*words, "--output", str(file))[:2] == (0, f"{file}: 3 files of the archive\n")
    assert file.read_text() == first


def test_a_lock_that_the_cache_is_not_of(made: World) -> None:
    before = (made.folder / "package-cache.lock").read_text()
    made.add("viewer", "1.1")
    assert made.online("lock")[0] == 0
    lock = str(made.folder / "package-cache.lock")
    refused(made.run("provenance", "--cache", str(made.cache), "--lock", lock), 4, "it was not built from this lock")
    assert before != Path(lock).read_text()


def test_the_same_packages_keep_what_vouched_for_them(made: World) -> None:
    """So a lock changes only where packages do."""
    path = made.folder / "package-cache.lock"
    before = path.read_bytes()
    made.add("unrelated", "1.0")
    assert made.online("lock")[0] == 0
    assert path.read_bytes() == before
    made.add("viewer", "1.1")
    assert made.online("lock")[0] == 0
    suites = {item["suite"]: item["sha256"] for item in locked(made)["repository"][0]["release"]}
    assert suites["bionic"] in {sha256_of(file) for file in made.archive.folder.glob("dists/bionic/*Release")}


@pytest.mark.parametrize(
    "removed", [r"\[\[system\.repository\.release\]\]\n(?:\S.*\n|    .*\n)*\n", r"signed-by = \[\n.*\n\]\n"]
)
def test_a_lock_of_before_gets_what_vouches_for_its_packages(made: World, removed: str) -> None:
    """One of an earlier version, and one of a repository that was not signed."""
    path = made.folder / "package-cache.lock"
    before = path.read_text()
    path.write_text(re.sub(removed, "", before))
    assert path.read_text().count("signed-by") == 0
    assert made.online("lock")[0] == 0
    assert path.read_text() == before


def reproduced(world: World, *words: str) -> tuple[int, str, str]:
    manifest = str(world.folder / world.manifest_name)
    given = [
        "--cache",
        str(world.cache),
        "--manifest",
        manifest,
        world.sources[1],
        "--state",
        str(world.folder / "state"),
    ]
    return world.run("verify", "--from-archive", *given, *words)


def test_the_archives_files_give_the_stored_ones_again(made: World) -> None:
    status, out, err = reproduced(made)
    assert (status, "intact; 3 files made again from the archive" in out) == (0, True), err
    assert "1 file made again from the archive" in reproduced(made, "--sample", "1")[1]
    assert {path.name for path in made.cache.iterdir()} == {
        ".lock", "groups", "install_group.sh", "package-cache.json", "pool",
    }  # fmt: skip


def rewrite(world: World, place: str, old: str, new: str) -> None:
    """Replace words of a file of the cache, and its hash wherever that is stated."""
    file = world.cache / place
    before, size = sha256_of(file), file.stat().st_size
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    release = f"{Path(place).parent}/Release"
    if place == release:
        description = world.cache / "package-cache.json"
        description.write_text(description.read_text().replace(before, sha256_of(file)))
        return
    stated = f"{before} {size} ", f"{sha256_of(file)} {file.stat().st_size} "
    rewrite(world, release, *stated)
    description = world.cache / "package-cache.json"
    description.write_text(description.read_text().replace(before, sha256_of(file)))


def describe_again(world: World, change: Callable[[dict[str, dict[str, Any]]], None]) -> None:
    """Change what the group `edit` says of its packages, by their names, consistently in all its files."""
    folder = "groups/edit-ubuntu18.04"
    text = (world.cache / folder / "packages.json").read_text()
    packages = {item["name"]: item for item in json.loads(text)}
    before = {name: dict(item) for name, item in packages.items()}
    change(packages)
    rewrite(world, f"{folder}/packages.json", text, json.dumps(list(packages.values())))
    for index in (world.cache / folder).glob("Packages*"):
        old = index.read_text()
        paragraphs = {text.split()[1]: text for text in old.split("\n\n")}
        for name, item in packages.items():
            for key in ("sha256", "size"):
                paragraphs[name] = paragraphs[name].replace(f"{before[name][key]}", f"{item[key]}")
        if (new := "\n\n".join(paragraphs.values())) != old:
            rewrite(world, f"{folder}/{index.name}", old, new)


def test_a_file_that_the_archive_does_not_give(made: World) -> None:
    """Its hash is right everywhere in the cache; only the archive says that it is another one."""

    def exchange(of: dict[str, dict[str, Any]]) -> None:
        of["editor"].update(sha256=of["libshared"]["sha256"], size=of["libshared"]["size"])

    describe_again(made, exchange)
    status, _, err = reproduced(made)
    assert (status, ".deb: it is not the archive's file of editor 1.0\n" in err, "1 problem;" in err) == (
        31,
        True,
        True,
    ), err


def test_another_package_of_the_archive(made: World) -> None:
    """That a file is the archive's own says nothing as long as it is that of another package."""

    def exchange(of: dict[str, dict[str, Any]]) -> None:
        of["editor"].update({key: of["libshared"][key] for key in ("original_sha256", "sha256", "size")})

    describe_again(made, exchange)
    refused(reproduced(made), 31, "the lock does not have editor 1.0")
    lock = str(made.folder / "package-cache.lock")
    refused(made.run("provenance", "--cache", str(made.cache), "--lock", lock), 4, "it was not built from this lock")


@pytest.mark.parametrize(
    ("old", "new"),
    [("Package: editor\n", "Package: libshared\n"), ("\n\nPackage:", "\nfilename : pool/evil.deb\n\nPackage:")],
)
def test_an_index_by_which_apt_installs_something_else(made: World, old: str, new: str) -> None:
    rewrite(made, "groups/edit-ubuntu18.04/Packages", old, new)
    refused(reproduced(made), 31, "/Packages: its list of packages does not have", ": 1 problem; ")


def test_a_release_of_other_files(made: World) -> None:
    rewrite(made, "groups/edit-ubuntu18.04/Release", " Packages\n", " Packages.xz\n")
    refused(reproduced(made), 31, "Release: it does not state the files of its folder", ": 1 problem; ")


@pytest.mark.parametrize("kind", ["text", "nothing", "pipe", "link"])
def test_a_file_of_the_pool_that_is_no_package(made: World, kind: str) -> None:
    """It is a problem beside others, and not waited for."""
    sha256 = text_digest("no package")
    file = made.cache / f"pool/{sha256}.deb"
    if kind == "text":
        file.write_text("no package")
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        file.symlink_to(made.cache / "package-cache.json")
    describe_again(made, lambda of: of["editor"].update(sha256=sha256, size=10))
    refused(reproduced(made), 31, f"{file}: it is not the archive's file of editor 1.0\n")


def test_a_damaged_cache_whose_archive_is_gone(made: World) -> None:
    file = next(made.cache.glob("pool/*.deb"))
    file.write_bytes(b"\0" * file.stat().st_size)
    for package in made.archive.folder.rglob("*.deb"):
        package.unlink()
    refused(reproduced(made), 5, "the archive no longer has", f"{file}: its bytes do not fit its hash")


@pytest.mark.parametrize("compression", ["none", "zstd-0", "zstd-23", "gzip-10"])
def test_a_compression_that_there_is_not(made: World, compression: str) -> None:
    description = made.cache / "package-cache.json"
    description.write_text(description.read_text().replace("zstd-9", compression))
    refused(reproduced(made), 31, f"edit for ubuntu18.04: '{compression}' is not a compression")


def test_a_file_of_another_compressor_has_the_same_content(made: World) -> None:
    """As another version of zstd would give other bytes: here another level of it."""

    def compress(of: dict[str, dict[str, Any]]) -> None:
        editor, pool = of["editor"], made.cache / "pool"
        sha256, size = recompress(pool / f"{editor['sha256']}.deb", pool, Compression.parse("gzip-6")) or ("", 0)
        editor.update(sha256=sha256, size=size)

    describe_again(made, compress)
    status, out, err = reproduced(made)
    assert (status, "3 files made again from the archive, 1 by another compressor" in out) == (0, True), err


def test_options_that_need_it(made: World) -> None:
    refused(made.run("verify", "--cache", str(made.cache), "--sample", "3"), 2, "--from-archive")
