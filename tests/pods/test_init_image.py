"""The init form as a container of a runtime: nothing but the image, a volume, and little memory."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from containers.podman import Podman
from tests.image.trees import init_tree
from tests.support.world import World

from package_cache.cache.layout import CacheFolder
from package_cache.cache.platform_subset import read_part
from package_cache.cache.verify import verify
from package_cache.image.init_variant import CONFIG, description_files, program_files
from package_cache.image.layers import add_cache
from package_cache.oci.writer import Layout
from package_cache.process import Completed, run

BUSYBOX = Path("/bin/busybox")


def load(world: World, podman: Podman) -> None:
    """Load the init form of the world's cache, with this machine's own busybox."""
    layout = Layout(world.folder / "layout")
    cache = CacheFolder(world.cache)
    part = read_part(cache, "amd64")
    layers = add_cache(layout, cache, part)
    layers.append(layout.add_layer("busybox", program_files({"bin/busybox": BUSYBOX.read_bytes()})))
    layers.append(layout.add_layer("descriptions", description_files(part.description)))
    named = layout.add_image("amd64", layers, created=part.description.created, annotations={}, config=CONFIG)
    layout.finish(named, "v1")
    podman("pull", "--quiet", f"oci:{layout.folder}:v1")
    podman("tag", podman("images", "--quiet", "--no-trunc").stdout.split()[0], "localhost/init")


@pytest.fixture
def built(world: World, podman: Podman) -> World:
    if not BUSYBOX.is_file() or b"/lib64/ld-linux" in BUSYBOX.read_bytes()[:4096]:
        pytest.skip("needs static busybox: apt-get install busybox-static")
    world.once("a group of many parts", lambda: build_many_parts(world))
    if podman("image", "exists", "localhost/init", check=False).returncode:
        load(world, podman)
    return world


def build_many_parts(world: World) -> None:
    for number in range(40):
        world.add(f"part{number}", files={f"/usr/lib/part{number}": os.urandom(100_000).hex()})
    world.add("whole", depends=", ".join(f"part{number}" for number in range(40)))
    world.archive.publish()
    world.manifest("whole,ubuntu18.04,whole\nedit,ubuntu18.04,editor\n")
    assert world.build()[0] == 0


Stage = Callable[..., Completed]


@pytest.fixture
def stage(built: World, podman: Podman) -> Stage:
    volume = built.folder / "volume"
    volume.mkdir()

    def run_it(*words: str, options: tuple[str, ...] = ()) -> Completed:
        mount = ("--volume", f"{volume}:/package_cache", "--read-only")
        return podman.run("localhost/init", *words, "--to", "/package_cache", options=(*mount, *options), check=False)

    return run_it


def test_a_container_stages_with_little_memory(built: World, stage: Stage) -> None:
    for memory in ("8m", "6m"):
        done = stage("whole", "edit", options=("--memory", memory))
        assert (done.returncode, done.stderr) == (0, "")
    assert verify(CacheFolder(built.folder / "volume")).problems == ()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("edit",), "package-cache: staged edit to /package_cache: 2 new package files, "),
        (
            ("absent",),
            "package-cache: cannot stage absent to /package_cache (no-such-group): there is no group absent, ",
        ),
        (
            ("--optional", "absent"),
            "package-cache: cannot stage absent to /package_cache (no-such-group): there is no ",
        ),
    ],
)
def test_the_termination_message(words: tuple[str, ...], told: str, built: World, stage: Stage) -> None:
    """The runtime mounts a file there that every user can write to (k8s.io/kubernetes, pkg/kubelet/kuberuntime)."""
    log = built.folder / "termination-log"
    log.touch()
    log.chmod(0o666)
    stage(*words, options=("--volume", f"{log}:/dev/termination-log"))
    assert log.read_text().startswith(told)
    assert log.read_text().count("\n") == 1


def test_a_signal_to_process_1_ends_it_soon(built: World, podman: Podman) -> None:
    volume = built.folder / "volume"
    volume.mkdir()
    (volume / "pool").mkdir()
    # a file of the right size that takes long to hash cannot be had in a small cache: a slow volume is made instead
    name = f"slow-{os.getpid()}"
    slow = "cp() { sleep 60; }; . /init/stage_groups.sh"
    podman(
        "run", "--detach", "--name", name, "--network", "none", "--volume", f"{volume}:/package_cache",
        "--entrypoint", "/bin/sh", "localhost/init", "-c", slow, "sh", "whole", "--to", "/package_cache",
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not list(volume.glob("groups/.new-*/pool")) and time.monotonic() < deadline:
            time.sleep(0.05)
        began = time.monotonic()
        podman("kill", "--signal", signal.SIGTERM.name, name)
        assert podman("wait", name).stdout.strip() == "130"
        assert time.monotonic() - began < 5
        assert "package-cache: interrupted" in podman("logs", name).stderr
        assert not list(volume.glob("groups/.new-*"))
    finally:
        podman("rm", "--force", "--time", "0", name, check=False)


def test_the_tree_of_the_tests_is_the_one_of_the_image(built: World, podman: Podman) -> None:
    tree = init_tree(built, built.folder)
    mounted = Path(podman("image", "mount", "localhost/init").stdout.strip())
    ours = {str(path.relative_to(tree.path)) for path in tree.path.rglob("*") if path.is_file()}
    theirs = {str(path.relative_to(mounted)) for path in mounted.rglob("*") if path.is_file()}
    assert ours <= theirs
    assert run(["find", str(mounted), "-name", ".wh*"]).stdout == ""
