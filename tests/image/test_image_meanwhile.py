"""An image made while somebody builds, stages to the cache, or makes another: it is of one state, or it is refused."""

import shutil
import sys
import threading
from pathlib import Path

from tests.support.layout import images, unpacked
from tests.support.world import World

from package_cache.cache.layout import CacheFolder
from package_cache.cache.verify import verify
from package_cache.errors import CacheError
from package_cache.image.export import Form, image
from package_cache.oci.skopeo import Destination
from package_cache.process import start
from package_cache.settings import Options
from package_cache.stage import stage

COMMAND = str(Path(sys.executable).with_name("package-cache"))


def test_an_image_of_a_cache_that_is_staged_to_is_of_one_state(world: World) -> None:
    states = []
    for version in ("1.5", "2.0"):
        world.add("editor", version, suite="bionic-security", depends="libshared")
        world.locked("edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n")
        assert world.build()[0] == 0
        states.append(world.folder / version)
        shutil.copytree(world.cache, states[-1])
    busy = world.folder / "busy"
    stage(["edit", "view"], CacheFolder(states[0]), busy)
    done = threading.Event()

    def keep_staging() -> None:
        while not done.is_set():
            for state in states:
                stage(["edit", "view"], CacheFolder(state), busy)

    writer = threading.Thread(target=keep_staging)
    writer.start()
    made = 0
    try:
        for number in range(8):
            layout = world.folder / f"layout{number}"
            try:
                to = Destination.parse(f"oci:{layout}:v1")
                image(CacheFolder(busy), to, Form.VOLUME, Options(world.folder / "state"))
            except CacheError as error:
                assert "altered" in error.message or "no groups" in error.message
                continue
            made += 1
            (manifest,) = images(layout).values()
            found = CacheFolder(unpacked(layout, manifest, world.folder / f"unpacked{number}"))
            assert verify(found).problems == ()
    finally:
        done.set()
        writer.join()
    assert made


def test_two_at_once_both_stay(world: World) -> None:
    world.manifest("edit,ubuntu18.04,editor\n")
    assert world.build()[0] == 0
    words = [COMMAND, "image", "--cache", str(world.cache), "--state", str(world.folder / "state"), "--output"]
    both = [start([*words, f"oci:{world.folder}/layout:{tag}"]) for tag in ("one", "two")]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
    assert (world.folder / "layout" / "index.json").read_text().count("ref.name") == 2
