"""A cache that is not what its index states is refused before anything is touched."""

import itertools
import os
from pathlib import Path

import pytest
from tests.faults.spread import spread
from tests.faults.test_cache import DAMAGES
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.filesystem.paths import sha256_of
from package_cache.process import run


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


VICTIMS = ("pool", "Packages", "Release", "amd64.group")
ROWS = itertools.product(VICTIMS, ("ubuntu16.04", "ubuntu18.04"), (how for how in DAMAGES if how != "unreadable"))


@pytest.mark.parametrize(("which", "system", "damage"), spread(list(ROWS), 25))
def test_a_damaged_file(which: str, damage: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    good, bad = make_deb(debs, "good"), make_deb(debs, "bad")
    folder = cache.add("tools", ["good", "bad"], [good, bad])
    victim = cache.pool_file(bad) if which == "pool" else folder / which
    run(["sh", "-c", DAMAGES[damage].format(file=victim)])
    room = open_room(cache)
    before = room.map()
    done = room.install("tools")
    assert (done.status, done.out, done.result["reason"]) == (31, "", "cache-damaged")
    assert which == "Release" or victim.name in done.err
    assert done.err.endswith("nothing was changed; next step: stage or build the cache again\n")
    assert room.map() == before


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_of_many_bytes(which: int, cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    """From 8 MB on two processes hash them."""
    names = ["great0", "great1", "great2"]
    great = [make_deb(debs, name, files={"/opt/great": os.urandom(4_000_000)}, compression="none") for name in names]
    cache.add("tools", names, great)
    alter(cache.pool_file(great[which]))
    done = open_room(cache).install("tools")
    assert (done.status, done.result["reason"]) == (31, "cache-damaged")
    assert f"{cache.pool_file(great[which]).name} is not the file that the index states" in done.err


def test_an_index_that_leads_out_of_the_pool(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    folder = cache.add("tools", ["good"], [make_deb(debs, "good")])
    text = (folder / "Packages").read_text().replace("Filename: pool/", "Filename: elsewhere/x")
    (folder / "Packages").write_text(text)
    (folder / "Release").unlink()
    (folder / "Release").write_text("Origin: nobody\n")
    assert open_room(cache).install("tools").status == 31


def test_a_hash_that_is_none_among_others(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("others", ["good"], [make_deb(debs, "good")])
    folder = cache.add("tools", ["good"], [make_deb(debs, "good")])
    release, group = folder / "Release", folder / "amd64.group"
    release.write_text(release.read_text().replace(sha256_of(group), "z" * 64))
    group.write_text(group.read_text().replace("package good", "package other"))
    done = open_room(cache).install("others", "tools")
    assert (done.status, done.result["reason"]) == (31, "cache-damaged")
    assert "amd64.group is not the file that its Release states" in done.err


def test_what_is_altered_but_not_needed_does_not_matter(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    here, coming = make_deb(debs, "here"), make_deb(debs, "coming", depends="here")
    cache.add("tools", ["coming"], [here, coming])
    room = open_room(cache, binds={"/here.deb": here})
    room.sh("dpkg -i /here.deb")
    cache.pool_file(here).unlink()
    assert room.install("tools").status == 0
