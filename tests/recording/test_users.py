"""An ordinary user records, with the rights of user namespaces alone; signals end a recording."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.installer.synthetic import SyntheticCache
from tests.recording.conftest import Recorded
from tests.support.busybox import python_of_everybody, tree
from tests.support.roots import mounts_that_may_be_ours
from tests.support.users import UID, as_ordinary_user
from tests.tiers import ROOT

from package_cache.process import run

MakeRoot = Callable[[str], Path]

COMMAND = "import sys; from package_cache.cli.entry import main; sys.argv[0] = 'package-cache'; sys.exit(main())"


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that every user can enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def image_of(root: Path, folder: Path) -> str:
    """Make an image of a root, as its own files are in it, and return its reference."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    first = root.stat()

    def put(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        media_type = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def inside(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid, member.gid = max(0, member.uid - first.st_uid), max(0, member.gid - first.st_gid)
        member.uname = member.gname = ""
        return member

    with tarfile.open(folder / "layer", "w") as archive:
        archive.add(root, ".", filter=inside)
    layer = put((folder / "layer").read_bytes(), "layer.v1.tar")
    rootfs = {"type": "layers", "diff_ids": [layer["digest"]]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    manifest = {"schemaVersion": 2, "config": put(json.dumps(config).encode(), "config.v1+json"), "layers": [layer]}
    index = {"schemaVersion": 2, "manifests": [put(json.dumps(manifest).encode(), "manifest.v1+json")]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"oci:{folder}"


def test_an_ordinary_user_records_in_an_image(ground: Path, product_root: MakeRoot) -> None:
    recorded = Recorded(ground, SyntheticCache(ground / "cache", ROOT))
    recorded.package(
        "small", "useradd -r small-user; chown small-user /usr/share/small", files={"/usr/share/small": "x"}
    )
    recorded.describe()
    image = image_of(product_root(ROOT), ground / "image")
    (ground / "state").mkdir()
    run(["chown", "-R", f"{UID}:{UID}", str(ground)])
    python = python_of_everybody(as_ordinary_user(ground), "package_cache.recording.record")
    argv = ["record", "--image", image, "--cache", str(ground / "cache"), "--state", str(ground / "state"), "--json"]
    done = subprocess.run([*python, "-c", COMMAND, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    [group] = json.loads(done.stdout)["result"]["images"][0]["groups"]
    assert (group["kind"], group["why"]) == ("recorded", "")
    assert len(list(ground.glob("cache/groups/small-*/recording.amd64.*.deb"))) == 1


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(ground: Path, product_root: MakeRoot, sign: signal.Signals) -> None:
    recorded = Recorded(ground, SyntheticCache(ground / "cache", ROOT))
    recorded.package("small", "touch /etc/reached; sleep 1000")
    recorded.describe()
    before, mounts = tree(recorded.cache.path), mounts_that_may_be_ours()
    temporary = ground / "tmp"
    temporary.mkdir()
    argv = ["record", "--root", str(product_root(ROOT)), "--cache", str(recorded.cache.path), "--state", str(ground)]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv],
        env={**os.environ, "TMPDIR": str(temporary)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _descendants_run(process.pid, "sleep"):
        time.sleep(0.1)
    process.send_signal(sign)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "\ninterrupted: completed work is kept; run the command again to continue\n"
    assert tree(recorded.cache.path) == before
    assert list(temporary.iterdir()) == []
    assert mounts_that_may_be_ours() == mounts


def _descendants_run(pid: int, program: str) -> bool:
    """Return whether a process, or one that it started, runs a program of that name with 1000."""
    left = [pid]
    while left:
        each = left.pop()
        with contextlib.suppress(OSError):  # it ended meanwhile
            for children in Path(f"/proc/{each}/task").glob("*/children"):
                left += map(int, children.read_text().split())
            if Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")[:2] == [program.encode(), b"1000"]:
                return True
    return False
