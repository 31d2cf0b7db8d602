"""What a stranger's root and a stranger's programs in it can do to the machine: none of the attacks works.

As root, as an ordinary user, and as root in a privileged container.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from containers.podman import can_run, throwaway_podman
from tests.attacks.containment import FILE, scripts
from tests.check.layouts import HandMade
from tests.support.busybox import needs_containment, python_of_everybody
from tests.support.roots import remove_root
from tests.support.users import UID, as_ordinary_user

from package_cache.filesystem.paths import sha256_of
from package_cache.oci.reader import source_image
from package_cache.oci.unpack import image_root
from package_cache.sandbox.bootstrap import archive_root, root_owner
from package_cache.sandbox.isolation import Isolation

PROJECT = Path(__file__).parents[2]
DRIVER = str(FILE.with_suffix(".py"))
Who = Callable[["Ground"], str]


@dataclass(frozen=True)
class Ground:
    """What is attacked: a folder with a cache that is shown inside, and a marker that is not."""

    folder: Path
    root: Path
    mark: str
    loop: str

    @property
    def words(self) -> list[str]:
        """Return the arguments of the program that attacks."""
        return [DRIVER, str(self.root), str(self.folder), self.mark, self.loop]

    def facts(self) -> dict[str, str]:
        """Return all of the machine that an attack would change."""
        files = [path for path in self.folder.rglob("*") if path.name != "socket"]
        found = {str(path): _fact(path) for path in files}
        for name in ("null", "full", "zero"):
            found[name] = _fact(Path("/dev", name))
        for name in ("core_pattern", "hostname"):
            found[name] = Path("/proc/sys/kernel", name).read_text()
        return found


def _fact(path: Path) -> str:
    status = path.lstat()
    words = (status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_mtime_ns, status.st_ctime_ns)
    return f"{words} {sha256_of(path) if path.is_file() else ''}"


@contextmanager
def _loop(folder: Path, mark: str) -> Iterator[str]:
    """Yield the numbers of a loop device of our own that holds the mark, if root may make one."""
    image = folder / "disk"
    image.write_bytes(mark.encode().ljust(1 << 20))
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        yield "7:0"
        return
    device = Path(made.stdout.strip())
    try:
        number = device.stat().st_rdev
        yield f"{os.major(number)}:{os.minor(number)}"
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def as_this_user(ground: Ground) -> str:
    needs_containment()
    return _said([sys.executable, *ground.words])


def as_an_ordinary_user(ground: Ground) -> str:
    as_user = as_ordinary_user(ground.folder)
    (own := ground.folder / "own").mkdir()
    for path in (own, *ground.folder.rglob("*"), ground.folder):
        os.chown(path, UID, UID)
    with (ground.folder / "root.tar").open("rb") as archive:
        unpack = ["tar", "--extract", "--no-same-owner", "--exclude=./dev/*", "--directory", str(own)]
        subprocess.run([*as_user, *unpack], stdin=archive, check=True)
    return _said([*python_of_everybody(as_user), DRIVER, str(own), *ground.words[2:]])


def as_root_in_a_privileged_container(ground: Ground) -> str:
    if reason := can_run():
        pytest.skip(reason)
    shown = [word for path in (PROJECT, ground.folder, ground.root) for word in ("--volume", f"{path}:{path}")]
    with throwaway_podman() as podman:
        command = ["env", f"PYTHONPATH={os.pathsep.join(path for path in sys.path if path)}", sys.executable]
        options = ["run", "--rm", "--privileged", "--network", "none", *shown, "--rootfs", "/:O"]
        done = podman(*options, *command, *ground.words, check=False)
        assert done.returncode == 0, done
        return done.stdout


def _said(command: list[str]) -> str:
    done = subprocess.run(
        command, cwd="/", capture_output=True, text=True, check=False, timeout=600,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("who", [as_this_user, as_an_ordinary_user, as_root_in_a_privileged_container])
def test_an_attack_from_inside(who: Who, product_root: Callable[..., Path], containment: Isolation) -> None:
    mark = f"mark-{uuid.uuid4().hex}"
    folder = Path(tempfile.mkdtemp(prefix="package-cache-attacks-", dir="/tmp"))  # where other users may go
    try:
        folder.chmod(0o755)
        (folder / "cache").mkdir()
        for name in ("cache/installer", "one", "marker"):
            (folder / name).write_text("ours\n")
        root = product_root("debian12")
        archive_root(root, folder / "root.tar", containment)
        with _loop(folder, mark) as loop:
            ground = Ground(folder, root, mark, loop)
            before = None if who is as_an_ordinary_user else ground.facts()
            found: dict[str, tuple[int, str]] = json.loads(who(ground))
            assert before is None or ground.facts() == before
        assert (folder / "cache/installer").read_text() == (folder / "one").read_text() == "ours\n"
    finally:
        shutil.rmtree(folder)
    assert list(found) == list(scripts()), "the attacks were not made to the end"
    assert {name: said for name, (status, said) in found.items() if status == 0 or "not found" in said} == {}


def _layer() -> bytes:
    """Return a layer with a setuid program of root, a device node and a program with a capability."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        program = tarfile.TarInfo("usr/bin/su")
        program.mode = 0o6755
        archive.addfile(program)
        device = tarfile.TarInfo("usr/memory")
        device.type, device.devmajor, device.devminor, device.mode = tarfile.CHRTYPE, 1, 1, 0o666
        archive.addfile(device)
    return stream.getvalue()


def test_what_is_unpacked_of_an_image_has_no_power_here(tmp_path: Path, containment: Isolation) -> None:
    needs_containment()
    layout = HandMade(tmp_path / "image")
    with source_image(layout.name(layout.image([_layer()]))) as image:
        root = image_root(image, state=tmp_path / "state", isolation=containment)
    program = (root / "usr/bin/su").lstat()
    assert program.st_mode & 0o6777 == 0o6755  # what is checked is as it was
    assert program.st_uid == root_owner(containment)[0]
    if os.geteuid() == 0:
        assert {path.lstat().st_uid for path in root.rglob("*")} == {program.st_uid} != {0}
    assert not (root / "usr/memory").exists()
    remove_root(root, containment)


def test_a_root_that_we_made_has_no_power_here(product_root: Callable[..., Path], containment: Isolation) -> None:
    needs_containment()
    root = product_root("debian12")
    outside = subprocess.run(["find", root, "-type", "b", "-o", "-type", "c"],
                             capture_output=True, text=True, check=True)  # fmt: skip
    assert outside.stdout == ""
    assert (root / "usr/bin/su").stat().st_mode & 0o4000
    assert (root / "usr/bin/su").stat().st_uid == root_owner(containment)[0]
