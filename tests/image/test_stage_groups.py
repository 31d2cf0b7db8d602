"""The entry point of the init form: a shell script that stages groups to a volume."""

import json
import shutil
from pathlib import Path

import pytest
from tests.image.trees import InitTree, init_tree, updated
from tests.support.recordings import record
from tests.support.world import World, refused

from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.filesystem.paths import sha256_of
from package_cache.process import run
from package_cache.stage import stage

GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\nview,ubuntu16.04,viewer\n"


@pytest.fixture
def tree(world: World) -> InitTree:
    world.once("groups for two systems", lambda: build_for_two_systems(world))
    return init_tree(world, world.folder)


def build_for_two_systems(world: World) -> None:
    world.archive.suites += ["xenial", "xenial-updates", "xenial-security"]
    world.add("libshared", "0.9", suite="xenial")
    world.add("viewer", "0.9", suite="xenial", depends="libshared")
    world.manifest(GROUPS)
    assert world.build()[0] == 0


def files(volume: Path) -> set[str]:
    return {str(path.relative_to(volume)) for path in volume.rglob("*")}


def test_what_is_staged_is_a_whole_cache_of_these_groups(tree: InitTree) -> None:
    done = tree.stage("edit")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"package-cache: staged edit to {tree.volume}: 2 new package files, 0.0 MB, of 2, 0.0 MB\n"
    assert tree.groups == [("edit", "ubuntu18.04")]
    assert tree.problems == ()
    description = read_description(CacheFolder(tree.volume))
    assert (description.packages, description.size) == (2, sum(p.stat().st_size for p in tree.volume.glob("pool/*")))
    assert not [name for name in files(tree.volume) if "/.new-" in name]


def test_groups_are_added_and_those_before_stay(tree: InitTree) -> None:
    tree.stage("edit")
    done = tree.stage("view")
    assert "staged view to" in done.stdout
    assert "3 new package files" in done.stdout
    assert tree.groups == [("edit", "ubuntu18.04"), ("view", "ubuntu16.04"), ("view", "ubuntu18.04")]
    assert tree.problems == ()


def test_recordings_are_staged_with_their_group(tree: InitTree, world: World) -> None:
    tree.stage("edit", "view")
    recording = record(world.cache, "edit")
    tree = init_tree(world, world.folder)
    assert tree.stage("edit").returncode == 0
    folder = tree.volume / "groups/edit-ubuntu18.04"
    assert (folder / recording.file).read_bytes() == b"of an image"
    assert tree.problems == ()
    assert len(tree.groups) == 3
    assert json.loads((tree.volume / "package-cache.json").read_text())["format"] == 2
    (folder / recording.file).unlink()
    (folder / recording.file).symlink_to("/etc/passwd")
    assert "removing what is neither a file nor a folder" in tree.stage("edit").stderr
    assert (folder / recording.file).read_bytes() == b"of an image"
    assert tree.problems == ()


def test_it_says_what_the_verb_stage_says(tree: InitTree, world: World) -> None:
    tree.stage("edit", "view")
    other = world.folder / "other"
    stage(["edit", "view"], CacheFolder(world.cache), other)
    ours, theirs = (json.loads((folder / "package-cache.json").read_text()) for folder in (tree.volume, other))
    assert ours | {"lock_digest": ""} == theirs | {"lock_digest": ""}
    assert {name for name in files(tree.volume) if ".staged" not in name} == files(other) - {".lock"}


def test_one_system_is_enough_for_a_job_that_has_one(tree: InitTree) -> None:
    assert tree.stage("view", "--system", "ubuntu16.04").returncode == 0
    assert tree.groups == [("view", "ubuntu16.04")]


def test_the_second_time_nothing_is_copied(tree: InitTree) -> None:
    tree.stage("edit")
    before = {path: path.stat().st_ino for path in tree.volume.glob("pool/*")}
    assert "0 new package files" in tree.stage("edit").stdout
    assert {path: path.stat().st_ino for path in tree.volume.glob("pool/*")} == before


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_a_damaged_file_on_the_volume_is_mended(tree: InitTree, damage: str) -> None:
    tree.stage("edit")
    victim = next(tree.volume.glob("pool/*.deb"))
    content = victim.read_bytes()
    victim.unlink()
    if damage != "missing":
        victim.write_bytes(content[:-10] if damage == "truncated" else content[:-1] + b"x")
    done = tree.stage("edit")
    assert done.returncode == 0
    assert "1 new package file," in done.stdout
    assert ("was damaged: staging it again" in done.stderr) == (damage != "missing")
    assert tree.problems == ()


def test_a_damaged_group_folder_on_the_volume_is_mended(tree: InitTree) -> None:
    tree.stage("edit")
    (tree.volume / "groups/edit-ubuntu18.04/Packages").write_text("")
    (tree.volume / "groups/edit-ubuntu18.04/odd").write_text("")
    assert tree.stage("edit").returncode == 0
    assert tree.problems == ()
    assert not (tree.volume / "groups/edit-ubuntu18.04/odd").exists()


def test_an_update_keeps_for_a_while_what_a_job_may_still_read(tree: InitTree, world: World) -> None:
    tree.stage("edit", "view")
    first = set(tree.volume.glob("pool/*"))
    assert "1 new package file," in updated(world, "2.0").stage("edit", "view").stdout
    assert tree.problems == ()
    assert first <= set(tree.volume.glob("pool/*"))
    updated(world, "3.0").stage("edit", "view")
    assert tree.problems == ()
    assert not first <= set(tree.volume.glob("pool/*"))


def test_names_that_are_not_there_are_told_together(tree: InitTree) -> None:
    done = tree.stage("edit", "nothing", "neither")
    assert done.returncode == 10
    assert done.stderr == (
        f"package-cache: cannot stage edit nothing neither to {tree.volume}: "
        "there is no group nothing, but: edit view; there is no group neither, but: edit view\n"
        "package-cache: next step: name an existing group and system, "
        "or add it to the manifest and make the image again\n"
    )
    assert not tree.volume.exists()


def test_what_is_optional_keeps_no_job_from_starting(tree: InitTree) -> None:
    done = tree.stage("edit", "nothing", "--optional")
    assert done.returncode == 0
    assert "there is no group nothing" in done.stderr
    assert done.stderr.endswith("the job starts anyway, and installs them by its fallback\n")
    assert tree.stage("--optional").returncode == 2


def test_a_system_that_a_group_is_not_for(tree: InitTree) -> None:
    told = "the group edit is not for ubuntu16.04, but for: ubuntu18.04\n"
    refused(tree.stage("edit", "--system", "ubuntu16.04"), 11, told)
    assert not tree.volume.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name at least one group, and the volume with --to"),
        (("edit",), "name the volume with --to DIR"),
        (("--to", "/x"), "name at least one group"),
        (("edit", "--to"), "--to needs a value"),
        (("edit", "--two", "/x"), "there is no option --two"),
        (("../edit", "--to", "/x"), "'../edit' is not the name of a group"),
        (("edit", "--to", "/x y"), "the path '/x y' holds characters other than"),
        (("edit", "--to", "/x", "--system", "*"), "'*' is not the name of a system"),
    ],
)
def test_a_command_line_that_is_wrong(tree: InitTree, words: tuple[str, ...], told: str) -> None:
    argv = [*tree.words, str(tree.script), *(("--cache", str(tree.path)) if words else ()), *words]
    refused(run(argv, check=False, timeout=60), 2, told)


def test_the_groups_there_are(tree: InitTree) -> None:
    done = run(tree.argv("--list"), timeout=60)
    assert done.stdout == "edit\tubuntu18.04\nview\tubuntu16.04\nview\tubuntu18.04\n"


def test_an_image_without_a_cache(tree: InitTree) -> None:
    shutil.rmtree(tree.path)
    refused(tree.stage("edit"), 30, f"there is no cache in {tree.path}")


def test_an_image_that_lacks_a_package(tree: InitTree) -> None:
    for path in tree.path.glob("pool/*"):
        path.unlink()
    refused(tree.stage("edit"), 31, "the image lacks the package file")
    assert not list(tree.volume.glob("groups/*"))


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        ("size=16k", 41, ("No space left on device", "next step: raise the sizeLimit of the volume")),
        ("ro", 42, ("Read-only file system",)),
    ],
)
def test_a_volume_that_is_full_or_read_only(tree: InitTree, options: str, status: int, told: tuple[str, ...]) -> None:
    assert max(path.stat().st_size for path in (tree.path / "pool").iterdir()) > 500
    done = tree.stage_mounted(options, "edit", "view")
    assert done.returncode == status
    assert [text for text in told if text not in done.stderr] == []


def test_only_what_is_expected_is_staged(tree: InitTree, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = ("view-ubuntu16.04", "view-ubuntu18.04")
    old, new = (f"view={sha256_of(tree.path / 'groups' / name / 'Release')}" for name in folders)
    refused(tree.stage("view", "--expect", new), 33, f"the Release of {folders[0]} has the SHA-256")
    refused(tree.stage("view", "--expect", "view=0"), 2, "'view=0' is not GROUP=SHA256")
    assert tree.stage("view", "--expect", f"edit={'0' * 64}", "--optional").returncode == 0
    assert not (tree.volume / "groups").exists()
    monkeypatch.setenv("PACKAGE_CACHE_EXPECT", f"{old}\n{new}")
    assert tree.stage("view").returncode == 0
    assert len(tree.groups) == 2
