"""Repositories unlike Debian's own: flat ones, whose suite ends in a slash, and such as state one kind of hash alone.

Their packages may have names that only dpkg accepts, and ask questions of debconf.
"""

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.keys import throwaway_key
from tests.support.server import ArchiveServer
from tests.support.vendor import GROUP, Vendor
from tests.support.world import World, refused

from package_cache.process import run


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
    world.manifest(GROUP + table)
    status, _, err = world.online("lock")
    if status != 0:
        return status, err
    status, _, more = world.build()
    return status, err + more


FLAT = ('suite = "./"', 'key = "vendor.asc"')
UNSIGNED = ('suite = "./"', "allow-unsigned = true")


@pytest.mark.parametrize("release", ["SHA256", "SHA512"])
@pytest.mark.parametrize(("suite", "below"), [("./", ""), ("/", ""), ("deb/", "deb")])
def test_a_signed_one(world: World, tmp_path: Path, suite: str, below: str, release: str) -> None:
    flat(tmp_path / "flat", below=below, release=release)
    with ArchiveServer(tmp_path / "flat") as server:
        fields = (f'suite = "{suite}"', 'key = "vendor.asc"', "priority = 700")
        assert locked_and_built(world, server.uri, *fields) == (0, "")
        assert any(path.endswith("oddity_1.0_all.deb") for path in server.requests)
    (tmp_path / "flat").rename(tmp_path / "fl_at")
    assert locked_and_built(world, f"file:{tmp_path}/fl_at", *fields) == (0, "")


@pytest.mark.parametrize(
    ("release", "fields", "expected"),
    [
        ("MD5Sum", FLAT, (6, "cannot trust what the mirrors of vendor (./) sent")),
        (
            None,
            (*UNSIGNED, "priority = 100"),
            (5, "cannot pin anything by the repository vendor: ./ has no Release"),
        ),
    ],
    ids=["a hash that is too weak", "a pin without a Release file"],
)
def test_one_that_is_refused(
    world: World, tmp_path: Path, release: str | None, fields: tuple[str, ...], expected: tuple[int, str]
) -> None:
    flat(tmp_path / "flat", release=release)
    with ArchiveServer(tmp_path / "flat") as server:
        status, err = locked_and_built(world, server.uri, *fields)
    assert (status, expected[1] in err) == (expected[0], True), err


@pytest.mark.parametrize("release", ["SHA256", None])
def test_an_unsigned_one_with_and_without_a_release_file(world: World, tmp_path: Path, release: str | None) -> None:
    flat(tmp_path / "flat", release=release, signed=False)
    with ArchiveServer(tmp_path / "flat") as server:
        warning = f"warning: vendor is not signed: whoever can change {server.uri} decides what it installs\n"
        assert locked_and_built(world, server.uri, *UNSIGNED) == (0, warning)


def stating(world: World, *hashes: str, of_packages: Sequence[str] = (), altered: bool = False) -> tuple[int, str]:
    """Lock and build from a repository with suites that states these hashes in its Release, and in its Packages."""
    archive = SignedArchive(world.folder / "vendor", key="vendor", hashes=hashes)
    archive.hashes_of_packages = tuple(of_packages or hashes)
    deb = archive.add(make_deb(world.folder / "vendor-debs", "oddity", "1:1.0~rc1"))
    archive.publish()
    if altered:
        content = deb.read_bytes()
        deb.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with ArchiveServer(archive.folder) as server:
        return locked_and_built(world, server.uri, 'suite = "stable"', 'components = ["main"]', FLAT[1])


@pytest.mark.parametrize("hashes", [("SHA256",), ("SHA512", "SHA256"), ("SHA512",)])
def test_one_with_suites_and_few_kinds_of_hashes(world: World, hashes: tuple[str, ...]) -> None:
    assert stating(world, *hashes) == (0, "")


def test_a_package_that_is_not_what_its_sha_512_says_is_not_locked(world: World) -> None:
    status, err = stating(world, "SHA512", altered=True)
    assert (status, "Hash Sum mismatch" in err) == (3, True)


def test_one_whose_packages_state_no_strong_hash(world: World) -> None:
    manifest = world.folder / "package-cache.toml"
    assert stating(world, "MD5Sum", "SHA256", of_packages=["MD5Sum"]) == (
        3,
        "error: cannot lock this manifest\n"
        f"{manifest}:3:12: group[0].systems[0]: group 'odd' cannot be installed in ubuntu18.04:\n"
        "    its repository states neither SHA-256 nor SHA-512 of pool/main/oddity/oddity_1.0~rc1_all.deb\n"
        "    ask the owner of the repository for the field SHA256 in its Packages, or name another repository\n",
    )


NEEDY = GROUP.replace("oddity", "needy")


def made(world: World, vendor: Vendor, key: str, group: str) -> tuple[str, str]:
    """Lock and build this group; give its group file, and all warnings."""
    for name, version in (("odd_part", "1.0"), ("x", "1:2:3"), ("BIG-Name", "1.0")):
        vendor.add(name, version)
    vendor.add("needy", depends="odd_part (>= 1) | oddity, x, big-name", Pre_Depends="odd_part")
    vendor.republish()
    status, _, warnings = vendor.lock(world, key, group=group)
    assert status == 0, warnings
    assert world.build()[0] == 0
    for verb in ("verify", "sbom"):
        assert world.run(verb, "--cache", str(world.cache))[0] == 0
    assert world.online("outdated")[0] == 0
    return (world.cache / "groups/odd-ubuntu18.04/amd64.group").read_text(), warnings


def test_a_dependency_whose_name_only_dpkg_accepts(world: World, vendor: Vendor, key: str) -> None:
    text, warnings = made(world, vendor, key, NEEDY)
    assert "Policy" not in warnings
    assert "pre-dependency odd_part\n" in text
    index = (world.cache / "groups/odd-ubuntu18.04/Packages").read_text()
    assert [line for line in index.splitlines() if line.startswith(("Package: ", "Version: "))] == [
        "Package: BIG-Name", "Version: 1.0", "Package: needy", "Version: 1.0",
        "Package: odd_part", "Version: 1.0", "Package: x", "Version: 1:2:3",
    ]  # fmt: skip


def test_one_that_is_asked_for_by_such_a_name(world: World, vendor: Vendor, key: str) -> None:
    text, warnings = made(world, vendor, key, GROUP.replace("oddity", "odd_part"))
    assert "package odd_part\n" in text
    assert "'odd_part' is no package name by Debian Policy 5.6.7, but dpkg accepts it" in warnings


def test_answers_to_debconf_reach_the_groups_folder(world: World, vendor: Vendor, key: str) -> None:
    answer = '[[group.debconf]]\npackage = "x"\nquestion = "x/where"\ntype = "string"\nvalue = "here and  there"\n'
    assert "debconf x x/where string here and  there\n" in made(world, vendor, key, NEEDY + answer)[0]
    told = "the group does not install 'x'\n    name one of the packages that it installs"
    refused(vendor.lock(world, key, group=GROUP + answer), 3, told)
