"""apt-cacher-ng beside a root: its package and the libraries that this machine lacks, unpacked into the state folder.

Nothing is installed on this machine. It runs in the root's network, in the foreground, with a configuration of its own.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.lab import Container

from bench.archive import network_prefix, running
from package_cache.filesystem.paths import exclusive
from package_cache.process import run

PACKAGE = "apt-cacher-ng"
ADDRESS = "127.0.0.1:3142"
PROXY = f"http://{ADDRESS}"


@contextlib.contextmanager
def cacher(container: Container, material: Path) -> Iterator[None]:
    """Run it in a root's network while the block runs; the material's folder keeps what came through it."""
    unpacked = obtain(material.parent / PACKAGE)
    (cache := material / PACKAGE).mkdir(exist_ok=True)
    libraries = {path.parent for path in (unpacked / "usr" / "lib").rglob("*.so.*")}
    program = ["env", f"LD_LIBRARY_PATH={':'.join(map(str, sorted(libraries)))}"]
    program += [str(unpacked / "usr" / "sbin" / PACKAGE), "ForeGround=1", "BindAddress=127.0.0.1", "Port=3142"]
    program += ["AllowUserPorts=0", "ExThreshold=365", "Offlinemode=0", f"CacheDir={cache}"]
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        Path(folder, "acng.conf").touch()  # there must be one; what is said here counts
        places = ["-c", folder, f"LogDir={folder}", f"SocketPath={folder}/socket", f"PidFile={folder}/pid"]
        with running([*program, *places], network_prefix(container), ADDRESS):
            yield


def obtain(folder: Path) -> Path:
    """Return the folder with apt-cacher-ng, downloaded and unpacked below `folder` by this machine's apt."""
    folder.mkdir(exist_ok=True)
    place = folder / "unpacked"
    with exclusive(folder / ".lock", wait=600):
        if not place.exists():
            plan = run(["apt-get", "--simulate", "--no-install-recommends", "install", PACKAGE], timeout=60).stdout
            names = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
            with tempfile.TemporaryDirectory(dir=folder) as fresh:
                Path(fresh).chmod(0o755)
                run(["apt-get", "download", *(names or [PACKAGE])], cwd=Path(fresh), timeout=300)
                for deb in Path(fresh).glob("*.deb"):
                    run(["dpkg-deb", "--extract", str(deb), f"{fresh}/unpacked"], timeout=60)
                (Path(fresh) / "unpacked").rename(place)
    return place
