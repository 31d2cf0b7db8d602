"""The init form on volumes as they are found: with links planted, full, or taken by others."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from tests.image.trees import InitTree, init_tree, updated
from tests.support.world import World, refused

from package_cache.cache.layout import CacheFolder
from package_cache.process import run, start
from package_cache.stage import stage

GROUPS = "edit,ubuntu18.04,editor\nedit-more,ubuntu18.04,editor viewer\nview,ubuntu18.04,viewer\n"


@pytest.fixture
def tree(world: World) -> InitTree:
    world.built(GROUPS)
    return init_tree(world, world.folder)


def of(*names: str) -> list[tuple[str, str]]:
    """Return these groups with their system."""
    return [(name, "ubuntu18.04") for name in names]


def with_functions(tree: InitTree, functions: str) -> list[str]:
    """Return the command that stages the group edit by the script with some of its tools replaced."""
    script = tree.volume.parent / "script.sh"
    script.write_text(tree.script.read_text().replace('\nmain "$@"\n', f'\n{functions}\nmain "$@"\n'))
    return [*tree.words, str(script), "--cache", str(tree.path), "edit", "--to", str(tree.volume)]


@pytest.mark.parametrize(
    "name", ["pool", "groups", ".staged", "package-cache.json", "install_group.sh", "groups/edit-ubuntu18.04"]
)
@pytest.mark.parametrize("to", ["a folder", "a file", "nothing"])
def test_a_link_does_not_lead_out_of_the_volume(tree: InitTree, name: str, to: str) -> None:
    outside = tree.volume.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    goal = {"a folder": outside, "a file": outside / "kept", "nothing": outside / "new"}[to]
    tree.stage("edit")
    place = tree.volume / name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(goal)
    done = tree.stage("edit", "view")
    assert done.returncode == 0, done.stderr
    assert f"removing what is neither a file nor a folder: {place}" in done.stderr
    assert [path.name for path in outside.iterdir()] == ["kept"]
    assert (outside / "kept").read_text() == "kept"
    assert tree.groups == of(*(["view"] if name == ".staged" else [])) or tree.problems == ()
    assert not [path for path in tree.volume.rglob("*") if path.is_symlink()]


def test_a_volume_that_is_itself_a_link(tree: InitTree) -> None:
    (tree.volume.parent / "outside").mkdir()
    tree.volume.symlink_to("outside")
    refused(tree.stage("edit"), 42, "it is a symbolic link")
    assert not list((tree.volume.parent / "outside").iterdir())


PACKAGE = "pool/*.deb"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("pipe", name) for name in (PACKAGE, "install_group.sh", "groups/edit-ubuntu18.04/Packages")),
        *(("folder", name) for name in (PACKAGE, "install_group.sh", "package-cache.json")),
        ("endless", PACKAGE),
    ],
)
def test_another_kind_of_file_where_a_file_belongs(tree: InitTree, kind: str, name: str) -> None:
    tree.stage("edit")
    place = next(tree.volume.glob(name))
    place.unlink()
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        (place / "in it").mkdir(parents=True)
    else:
        place.touch()
        os.truncate(place, 1 << 43)
    done = tree.stage("edit")
    assert done.returncode == 0, done.stderr
    assert place.is_file()
    assert tree.problems == ()


def check_indexed(volume: Path, group: str) -> None:
    """Check that all files which the index of a group names are on a volume."""
    index = (volume / "groups" / group / "Packages").read_text()
    for line in index.splitlines():
        if line.startswith("Filename: "):
            assert (volume / line.split()[1]).is_file()


def test_what_the_verb_stage_put_there_stays_and_the_other_way_round(tree: InitTree, world: World) -> None:
    stage(["edit-more"], CacheFolder(world.cache), tree.volume)
    assert tree.stage("edit").returncode == 0
    assert tree.stage("edit").returncode == 0  # the second run is the one that removes
    assert tree.problems == ()
    check_indexed(tree.volume, "edit-more-ubuntu18.04")
    stage(["view"], CacheFolder(world.cache), tree.volume)
    assert tree.groups == of("edit", "view")
    assert tree.problems == ()


def test_back_to_an_older_image(tree: InitTree, world: World) -> None:
    older = InitTree(world.folder / "older", tree.volume)
    shutil.copytree(tree.path, older.path)
    newer = updated(world, "2.0")
    for image in (older, newer, older, older, newer):
        done = image.stage("edit", "view")
        assert (done.returncode, done.stderr) == (0, "")
        assert tree.groups == of("edit", "view")
        assert tree.problems == ()


def test_another_installer_is_described_when_it_is_there(tree: InitTree) -> None:
    tree.stage("edit")
    (tree.volume / "install_group.sh").write_text("# an older one\n")
    (tree.volume / "install_group.sh").chmod(0o755)
    seen = tree.volume.parent / "seen"
    # What the description says just before the other one takes its place is what a kill there would leave.
    keep = f'case "$*" in *" {tree.volume}/install_group.sh") cp {tree.volume}/package-cache.json {seen} ;; esac'
    run(with_functions(tree, f'mv() {{ {keep}\n command mv "$@"; }}'), timeout=60)
    assert '"installer_digest": ""' in seen.read_text()
    assert tree.problems == ()


@pytest.mark.parametrize("system", ["8.04", "buntu18.04"])
def test_the_end_of_a_systems_name_is_no_system(tree: InitTree, system: str) -> None:
    refused(tree.stage("edit", "--system", system), 11, f"not for {system}")


def test_groups_whose_names_are_the_same_number(world: World) -> None:
    world.manifest("10,ubuntu18.04,editor\n1e1,ubuntu18.04,viewer\n010,ubuntu18.04,extras\n")
    assert world.build()[0] == 0
    tree = init_tree(world, world.folder)
    for group in ("10", "1e1", "010"):
        done = tree.stage(group, "--system", "ubuntu18.04")
        assert (done.returncode, done.stderr) == (0, "")
        assert "staged" in done.stdout
    assert tree.groups == of("010", "10", "1e1")
    done = tree.stage("010", "1.0")
    assert done.returncode == 10


def test_names_given_twice_and_names_in_names(tree: InitTree) -> None:
    done = tree.stage("edit", "edit-more", "edit")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("package-cache: staged edit edit-more to ")
    assert tree.groups == of("edit", "edit-more")


def test_the_cache_itself_is_no_volume(tree: InitTree) -> None:
    before = (tree.path / "package-cache.json").read_bytes()
    refused(run(tree.argv("edit", "--to", f"{tree.path}/"), check=False, timeout=60), 2, "is the cache itself")
    assert (tree.path / "package-cache.json").read_bytes() == before


def test_a_relative_path_and_a_strict_umask(tree: InitTree) -> None:
    argv = ["sh", "-c", 'umask 077; exec "$@"', "sh", *tree.argv("edit", "--to", "./volume//")]
    run(argv, cwd=tree.volume.parent, timeout=60)
    assert tree.problems == ()
    for path in tree.volume.rglob("*"):
        assert path.stat().st_mode & 0o444 == 0o444, path


def test_a_full_volume_that_lacks_a_package_of_a_group_that_is_there(tree: InitTree) -> None:
    copy = f"cp -r {tree.volume.parent}/before/. . && rm pool/* && ! dd if=/dev/zero of=eaten 2>/dev/null"
    tree.stage("edit")
    tree.volume.rename(tree.volume.parent / "before")
    done = tree.stage_mounted("size=256k", "edit", before=copy)
    assert done.returncode == 41, done.stdout
    assert "No space left on device" in done.stderr
    assert "staged" not in done.stdout.replace(".staged", "")


@pytest.mark.parametrize("inodes", range(2, 24, 3))
def test_a_volume_without_inodes(tree: InitTree, inodes: int) -> None:
    done = tree.stage_mounted(f"size=1m,nr_inodes={inodes}", "edit")
    assert done.returncode in {0, 41}
    if done.returncode == 41:
        assert "No space left on device" in done.stderr
    assert ".new-" not in done.stdout


def test_a_volume_of_another_user(tree: InitTree) -> None:
    tree.volume.mkdir()
    for folder in tree.volume.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    user = ["setpriv", "--reuid", "65532", "--regid", "65532", "--clear-groups"]
    done = run([*user, *tree.argv("edit", "--to", str(tree.volume))], check=False, timeout=60)
    assert done.returncode == 42
    assert "Permission denied" in done.stderr
    assert "next step: mount a volume that this user may write to" in done.stderr


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_copy_that_would_not_end_itself(tree: InitTree, sign: signal.Signals) -> None:
    started = tree.volume.parent / "started"
    endless = f"cp() {{ : >{started}; exec sleep infinity; }}"
    process = start(with_functions(tree, endless))
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(sign)  # to it alone, as a kubelet does, and not to what it started
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "package-cache: interrupted\n")
    assert not list(tree.volume.glob("groups/.new-*"))
    assert not list(tree.volume.glob("pool/*"))


def test_two_at_once_give_whole_groups_or_fail(tree: InitTree, world: World) -> None:
    for _ in range(12):
        shutil.rmtree(tree.volume, ignore_errors=True)
        both = [start(tree.argv(group, "--to", str(tree.volume))) for group in ("edit", "view", "edit-more")]
        told = [process.communicate(timeout=60)[1] for process in both]
        statuses = [process.returncode for process in both]
        assert 0 in statuses, told
        assert set(statuses) <= {0, 1}, told
        for status, words in zip(statuses, told, strict=True):
            assert status == 0 or "another run is staging to it" in words
        for folder in tree.volume.glob("groups/*"):
            check_indexed(tree.volume, folder.name)
        assert tree.problems == ()
        assert not list(tree.volume.glob("groups/.new-*"))


def test_a_shell_that_is_killed_for_want_of_memory_says_so(tree: InitTree) -> None:
    argv = with_functions(tree, "describe_groups() { sh -c 'kill -KILL $PPID'; sleep 10; }")
    done = run(argv, check=False, timeout=60)
    assert done.returncode == 1
    assert "a process was ended with status 137" in done.stderr
    assert "give the container more memory" in done.stderr
    assert not list(tree.volume.glob("groups/.new-*"))


@pytest.mark.parametrize("tool", ["sort", "find", "sha256sum"])
def test_a_tool_that_is_killed_for_want_of_memory_is_noticed(tree: InitTree, tool: str) -> None:
    tree.stage("edit")
    next(tree.volume.glob("pool/*.deb")).unlink()
    done = run(with_functions(tree, f"{tool}() {{ return 137; }}"), check=False, timeout=60)
    if done.returncode == 0:  # it went without: all was copied again
        assert tree.problems == ()
    else:
        assert "cannot stage edit" in done.stderr
        assert "next step: " in done.stderr
