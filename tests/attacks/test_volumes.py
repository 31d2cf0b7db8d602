"""Volumes that a job has written to, and writes to while they are staged to, tidied, or prepared for the next job."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attacks.swapping import swapped
from tests.cli.test_stage import TWO_GROUPS
from tests.image.trees import init_tree
from tests.runtime.pod import Pod, entry, job_of
from tests.support.busybox import tree
from tests.support.odd_files import put
from tests.support.world import World

from package_cache.cache.layout import CacheFolder
from package_cache.cache.verify import verify
from package_cache.filesystem.paths import exclusive, write_atomically

pytestmark = pytest.mark.timeout(60)
"""Seconds: nothing here is waited for."""

KINDS = {
    "pipe": "|",
    "socket": "=",
    "folder": "/",
    "link out": "-> OUTSIDE",
    "link to a file": "-> OUTSIDE/file",
    "link to itself": "-> NAME",
    "link to a device": "-> /dev/full",
    "link by proc": "-> /proc/self/cwd/outside",
}


def put_kind(place: Path, kind: str) -> None:
    """Put a thing in a place below a folder `volume`, beside which is a folder `outside`."""
    outside = next(path for path in place.parents if path.name == "volume").with_name("outside")
    put(place, KINDS[kind].replace("OUTSIDE", str(outside)).replace("NAME", place.name))


@pytest.fixture
def volume(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume to which a group was staged, and a folder outside of it."""
    world.built(TWO_GROUPS)
    volume, outside = world.folder / "volume", world.folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("of the host")
    monkeypatch.chdir(world.folder)
    stage(world)
    return volume


def stage(world: World) -> tuple[int, str, str]:
    return world.run("stage", "edit", "--cache", str(world.cache), "--to", str(world.folder / "volume"))


def deb_of(volume: Path) -> str:
    return min(f"pool/{path.name}" for path in (volume / "pool").iterdir())


NAMES = {
    "description": "package-cache.json",
    "installer": "install_group.sh",
    "proofs": "proofs.json",
    "half a description": ".package-cache.json.new-x",
    "half an installer": ".install_group.sh.new-12345678",
    "half a group": "groups/.new-12345678",
    "half a package": "pool/.new-12345678",
    "package": "DEB",
    "group": "groups/edit-ubuntu18.04",
    "index": "groups/edit-ubuntu18.04/Packages",
    "pool": "pool",
    "groups": "groups",
    "lock": ".lock",
    "needed before": ".staged",
}


def each_kind(place: Path, world: World) -> Iterator[str]:
    """Put things of each kind in a place, one after the other; yield the name of the kind that is there now.

    Check that what is done meanwhile changes nothing outside of the volume.
    """
    before = tree(world.folder / "outside")
    for kind in KINDS:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        put_kind(place, kind)
        yield kind
        assert tree(world.folder / "outside") == before, kind


@pytest.mark.parametrize("name", NAMES)
def test_whatever_lies_there_stage_makes_it_right_or_ends_with_an_error(name: str, volume: Path, world: World) -> None:
    for kind in each_kind(volume / NAMES[name].replace("DEB", deb_of(volume)), world):
        status, out, err = stage(world)
        assert "Traceback" not in out + err, kind
        if name == "lock":
            assert (status, f"cannot write to {volume}" in err) == (42, True), kind
        else:
            assert status == 0, (kind, err)
            assert verify(CacheFolder(volume)).problems == (), kind


def test_a_volume_that_is_itself_a_link(volume: Path, world: World) -> None:
    volume.rename(world.folder / "away")
    volume.symlink_to(world.folder / "outside")
    before = tree(world.folder / "outside")
    status, _, err = stage(world)
    assert (status, "is a symbolic link" in err) == (42, True)
    assert tree(world.folder / "outside") == before


SWAPPED = ["pool", "groups", "groups/edit-ubuntu18.04", "."]


@pytest.mark.parametrize("name", SWAPPED)
def test_a_folder_swapped_with_a_link_while_it_is_staged_to(name: str, volume: Path, world: World) -> None:
    outside = world.folder / "outside"
    for folder in ("pool", "groups", "groups/edit-ubuntu18.04"):
        (outside / folder).mkdir(parents=True, exist_ok=True)
    before = tree(outside)
    place = volume / name
    aside = (world.folder if name == "." else volume) / "aside"
    aside.symlink_to(outside if name == "." else outside / name)
    statuses = set()
    with swapped(place, aside):
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for path in volume.glob("pool/*.deb"):
                path.unlink(missing_ok=True)
            statuses.add(stage(world)[0])
    assert tree(outside) == before
    assert statuses <= {0, 1, 31, 42}


def test_a_file_swapped_with_a_pipe_while_it_is_staged_to(volume: Path, world: World) -> None:
    os.mkfifo(volume / "aside")
    with swapped(volume / "package-cache.json", volume / "aside"):
        statuses = {stage(world)[0] for _ in range(5)}
    assert statuses <= {0, 1, 31}


@pytest.mark.parametrize("name", ["pool/.unneeded", "groups/.new-12345678", "pool/x.deb", ".staged"])
def test_whatever_lies_there_gc_removes_nothing_outside(name: str, volume: Path, world: World) -> None:
    for kind in each_kind(volume / name, world):
        status, out, err = world.run("gc", "--cache", str(volume), "--grace", "0")
        assert "Traceback" not in out + err, kind
        assert status in (0, 31), kind


INIT_FORM = [*(name for key, name in NAMES.items() if key not in ("lock", "proofs")), ".staged/needed",
             ".staged/edit-ubuntu18.04", "groups/edit-ubuntu18.04/packages.json"]  # fmt: skip


@pytest.mark.parametrize("name", INIT_FORM)
def test_whatever_lies_there_the_init_form_makes_it_right(name: str, volume: Path, world: World) -> None:
    form = init_tree(world, world.folder)
    assert form.stage("edit").returncode == 0
    for kind in each_kind(volume / name.replace("DEB", deb_of(volume)), world):
        done = form.stage("edit")
        assert done.returncode == 0, (kind, done.stderr)
        assert verify(CacheFolder(volume)).problems == (), kind


def test_the_init_form_ends_where_a_pipe_comes_meanwhile(volume: Path, world: World) -> None:
    form = init_tree(world, world.folder)
    script = form.script.read_text().replace("LIMIT=1800", "LIMIT=3")
    script = script.replace("\nremove_odd() {\n", "\nremove_odd() { return\n")  # as if it came after that
    form.script.write_text(script)
    (volume / "groups/edit-ubuntu18.04/Packages").unlink()
    os.mkfifo(volume / "groups/edit-ubuntu18.04/Packages")
    done = form.stage("edit")
    assert done.returncode == 1
    assert "a process was ended with status" in done.stderr


READ = ["package-cache.json", "proofs.json", "groups/edit-ubuntu18.04/packages.json", "groups/edit-ubuntu18.04/Release"]


@pytest.mark.parametrize("name", READ)
def test_whatever_lies_there_readers_show_nothing_of_it(name: str, volume: Path, world: World) -> None:
    for kind in each_kind(volume / name, world):
        for verb in (["list"], ["show", "edit"], ["verify"], ["stage", "edit", "--to", str(world.folder / "other")]):
            _, out, err = world.run(*verb, "--cache", str(volume))
            assert "of the host" not in out + err, kind
            assert "Traceback" not in out + err, kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["runtime.d", "runtime.d/job", "runtime.d/job/plan", "runtime.d/job.sh",
                                  "runtime.d/.job.sh.new-x", "runtime.d/job/.plan.new-x"])  # fmt: skip
def test_whatever_lies_there_the_next_job_is_prepared(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "pod").mkdir()
    pod = Pod(tmp_path / "pod")
    pod.work = tmp_path / "volume"
    pod.job = pod.work / "runtime.d/job"
    outside = tmp_path / "outside"
    (outside / "job").mkdir(parents=True)
    (outside / "file").write_text("of the host")
    before = tree(outside)
    place = pod.work / name
    place.parent.mkdir(parents=True)
    put_kind(place, kind)
    pod.plugin("a", pre="echo a\n")
    done = pod.init(job_of(["true"], entry("a")))
    assert tree(outside) == before
    if name == "runtime.d/job.sh" and kind == "folder":  # no job makes one: it could only harm itself
        assert (done.returncode, "Traceback" in done.stderr) == (42, False)
    else:
        assert done.returncode == 0, done.stderr
        assert pod.tree()["1-a.pre.sh"] == "#!/bin/bash\necho a\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_file_of_another_kind_is_refused_and_not_waited_for(kind: str, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    put_kind(tmp_path / "volume/.lock", kind)
    with pytest.raises(OSError, match=r"\.lock"), exclusive(tmp_path / "volume/.lock", wait=0):
        pass


def test_writers_and_readers_at_once_see_complete_files(tmp_path: Path) -> None:
    place = tmp_path / "file"
    write_atomically(place, b"a" * 5000)

    def write(letter: bytes) -> None:
        for _ in range(40):
            write_atomically(place, letter * 5000)

    writers = [threading.Thread(target=write, args=(letter,)) for letter in (b"b", b"c", b"d")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        content = place.read_bytes()
        assert (len(content), len(set(content))) == (5000, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
