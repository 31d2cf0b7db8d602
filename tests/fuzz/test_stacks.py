"""What is read out of layers, and what they are when unpacked, is what podman shows of the same image.

The stacks are made by chance: files, folders, links of all kinds, whiteouts, each over what lower layers have.
"""

import io
import json
import os
import stat
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from containers.podman import Podman
from hypothesis import strategies as st
from tests.check.layouts import HandMade
from tests.fuzz.effort import fuzzed
from tests.pods.conftest import podman
from tests.support.roots import remove_root

from package_cache.oci.layered_files import LayeredFiles
from package_cache.oci.reader import source_image
from package_cache.oci.unpack import image_root
from package_cache.process import run
from package_cache.sandbox.isolation import Isolation

__all__ = ["podman"]
FOLDERS = ["", "", "d", "d", "d/e", "l", "l", "l/e", "m", "usr", "usr/lib"]
NAMES = ["a", "b", "d", "e", "l", "m", "usr", "lib", "status"]
TARGETS = [
    "d", "/d", "d/e", "../d", "a", "/a", "b", "m", "l", "/usr/lib", "usr/lib", "lib", "e", ".", "..", "/", "d/../a",
    "l/../a", "nowhere", "../../m/a", "/l/e", "m/../b", "e/.", "a/",
]  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A member of a layer's archive."""

    kind: str
    """`file`, `folder`, `link`, `same` (a hard link), `gone` or `opaque`."""
    path: str
    value: str = ""
    """A file's content, or where a link leads."""


def paths() -> list[str]:
    """Return every path that is looked at in the end."""
    upper = list(dict.fromkeys(FOLDERS))
    folders = [*upper, *(f"{folder}/{name}".lstrip("/") for folder in upper for name in ("d", "e", "l", "m", "lib"))]
    found = [f"/{folder}/{name}" for folder in dict.fromkeys(folders) for name in NAMES]
    return [path.replace("//", "/") for path in found] + ["/", "/d/../a", "/l/../a", "/m/../b", "/l/e/../a", "/l/."]


def layer(random: Random, number: int) -> list[Entry]:
    """Return the members of one layer."""
    made: list[Entry] = []
    for count in range(random.randint(1, 7)):
        folder = random.choice(FOLDERS)
        path = f"{folder}/{random.choice(NAMES)}".lstrip("/")
        kind = random.choice(("file", "file", "file", "folder", "folder", "link", "link", "same", "gone", "opaque"))
        if kind == "file":
            made.append(Entry(kind, path, f"{number}.{count}"))
        elif kind == "link":
            made.append(Entry(kind, path, random.choice(TARGETS)))
        elif kind == "same":
            others = [entry.path for entry in made if entry.kind in ("file", "link", "same")]
            made += [Entry(kind, path, random.choice(others))] if others else []
        elif kind == "opaque":
            made += [Entry(kind, folder)] if folder else []  # overlayfs does not know of an opaque root
        else:
            made.append(Entry(kind, path))
    return made


def archive(entries: list[Entry]) -> bytes:
    """Return a layer's archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in entries:
            tar.addfile(_member(entry), io.BytesIO(entry.value.encode()))
    return buffer.getvalue()


def _member(entry: Entry) -> tarfile.TarInfo:
    folder, _, name = entry.path.rpartition("/")
    path = entry.path
    if entry.kind == "gone":
        path = f"{folder}/.wh.{name}".lstrip("/")
    elif entry.kind == "opaque":
        path = f"{entry.path}/.wh..wh..opq".lstrip("/")
    member = tarfile.TarInfo(path)
    member.mode = 0o755 if entry.kind == "folder" else 0o644
    if entry.kind == "folder":
        member.type = tarfile.DIRTYPE
    elif entry.kind in ("link", "same"):
        member.type = tarfile.SYMTYPE if entry.kind == "link" else tarfile.LNKTYPE
        member.linkname = entry.value
    elif entry.kind == "file":
        member.size = len(entry.value)
    return member


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
def overlaid(podman: Podman) -> Podman:
    """A podman whose images are mounted by overlayfs."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount an image")
    if "overlay" not in podman("info", "--format", "{{.Store.GraphDriverName}}").stdout:
        pytest.skip("podman does not use overlayfs here")
    return podman


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


@fuzzed("stacks", 6, 33, 423, number=st.integers(0, 2**32))
def test_stacks(overlaid: Podman, containment: Isolation, tmp_path: Path, number: int) -> None:
    random = Random(number)
    stack = [layer(random, index) for index in range(random.randint(1, 4))]
    layout = HandMade(tmp_path / f"{number}.{len(list(tmp_path.iterdir()))}")
    reference = layout.name(layout.image([archive(entries) for entries in stack], compression=""))
    real = by_podman(overlaid, reference)
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
