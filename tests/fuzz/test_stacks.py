"""What is read out of layers, and what they are when unpacked, is what podman shows of the same image."""

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from containers.podman import Podman, can_run, throwaway_podman
from hypothesis import example, given
from hypothesis import strategies as st
from tests.check.layouts import HandMade
from tests.conftest import unavailable
from tests.fuzz.counts import Tried
from tests.fuzz.effort import fuzzed
from tests.fuzz.layer_stacks import archive, layer, paths
from tests.support.roots import remove_root

from package_cache.errors import PackageCacheError, ToolMissingError
from package_cache.oci.layered_files import LayeredFiles
from package_cache.oci.reader import source_image
from package_cache.oci.unpack import image_root
from package_cache.process import find_tool, run
from package_cache.sandbox.isolation import Isolation

PROBE = r"""
import json, os, stat, sys
os.chroot(sys.argv[1])
os.chdir("/")
found = {}
for path in json.load(sys.stdin):
    try:
        mode = os.stat(path).st_mode
    except OSError:
        found[path] = "nothing"
        continue
    if stat.S_ISREG(mode):
        found[path] = open(path).read()
    else:  # a folder that is not merged with others lists its whiteouts, too
        found[path] = [name for name in sorted(os.listdir(path)) if os.path.lexists(f"{path}/{name}")]
json.dump(found, sys.stdout)
"""
"""Run with a root: the kernel itself follows its links."""

Seen = dict[str, str | list[str]]
"""By path: a file's content, a folder's names, or "nothing"."""


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount an image")
    try:
        find_tool("podman")
        reason = can_run()
    except ToolMissingError as error:
        reason = str(error)
    if reason is not None:
        unavailable("a container", PackageCacheError(reason))
    with throwaway_podman() as made:
        if "overlay" not in made("info", "--format", "{{.Store.GraphDriverName}}").stdout:
            pytest.skip("podman does not use overlayfs here")
        yield made


def in_root(root: str | Path) -> Seen:
    """Return what a process in a root sees."""
    done = run([sys.executable, "-I", "-c", PROBE, str(root)], stdin=json.dumps(paths()), timeout=60)
    found: Seen = json.loads(done.stdout)
    return found


def by_podman(podman: Podman, reference: str) -> Seen | None:
    """Return what podman shows of an image; None where it refuses it."""
    pulled = podman("pull", "--quiet", reference, check=False)
    if pulled.returncode != 0:
        return None
    image = pulled.stdout.strip()
    try:
        return in_root(podman("image", "mount", image).stdout.strip())
    finally:
        podman("image", "umount", image)
        podman("rmi", "--force", image)


def by_layers(files: LayeredFiles) -> Seen:
    """Return what is read out of the layers."""
    found: Seen = {}
    for path in paths():
        mode = files.mode(path)
        content = files.read(path)
        if mode is None:
            found[path] = "nothing"
        else:
            found[path] = list(files.names(path)) if stat.S_ISDIR(mode) else (content or b"").decode()
    return found


@fuzzed("stacks")
@given(number=st.integers(0, 2**32))
@example(number=6)
@example(number=33)
@example(number=423)
def test_stacks(podman: Podman, containment: Isolation, tmp_path: Path, tried: Tried, number: int) -> None:
    tried("stacks")
    random = Random(number)
    stack = [layer(random, index) for index in range(random.randint(1, 4))]
    layout = HandMade(tmp_path / f"{number}.{len(list(tmp_path.iterdir()))}")
    reference = layout.name(layout.image([archive(entries) for entries in stack], compression=""))
    real = by_podman(podman, reference)
    with source_image(reference) as image:
        read = by_layers(image.files())
        if real is None:
            return
        assert read == real, stack
        root = image_root(image, state=tmp_path / "state", isolation=containment)
        try:
            assert in_root(root) == real, stack
        finally:
            remove_root(root, containment)
