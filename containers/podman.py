"""podman with a store of its own: nothing of this machine's containers is seen, used or changed."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from package_cache.errors import PackageCacheError
from package_cache.process import Completed, find_tool, run

HOST = Path(__file__).with_name("host.sh")
"""Decides whether podman can run here, and where its store lies."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Both work without systemd and in a container; containers must not ask for more than this machine may give.
_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Podman:
    """One store of images and containers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # podman takes no path of more than 50 characters
        self.runroot = Path(tempfile.mkdtemp(prefix="podman-", dir="/tmp"))
        (folder / "containers.conf").write_text(_CONTAINERS_CONF, encoding="utf-8")
        (folder / "registries.conf").write_text("unqualified-search-registries = []\n", encoding="utf-8")
        self.environment = {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",  # podman 5 warns in each container's log
            "TMPDIR": str(folder),
        }
        self.argv = ["podman", "--root", str(folder / "storage"), "--runroot", str(self.runroot)]
        self.argv += ["--tmpdir", str(folder / "tmp")]

    def __call__(self, *words: str, check: bool = True, timeout: float = 300) -> Completed:
        """Run podman. Raise `CommandError` if it fails and `check` is set, and where it takes too long."""
        return run([*self.argv, *words], env=self.environment, check=check, timeout=timeout)

    def import_root(self, root: Path, name: str) -> None:
        """Make an image of a root folder."""
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".tar") as archive:
            run(["tar", "--directory", str(root), "--create", "--file", archive.name, "."], timeout=300)
            self.import_archive(Path(archive.name), name)

    def import_archive(self, archive: Path, name: str) -> None:
        """Make an image of a tar archive of a root."""
        self("import", "--quiet", "--change", f"ENV PATH={PATH}", str(archive), name)

    def pull(self, image: str) -> None:
        """Pull from a registry on loopback."""
        self("pull", "--quiet", "--tls-verify=false", image)

    def run(self, image: str, *words: str, options: Sequence[str] = (), check: bool = True) -> Completed:
        """Run a container without network to its end."""
        return self("run", "--rm", "--network", "none", *options, image, *words, check=check)


@contextmanager
def throwaway_podman() -> Iterator[Podman]:
    """Yield a podman whose store is gone after the block. Raise `PackageCacheError` if podman cannot run."""
    done = run(["sh", str(HOST)], check=False, timeout=60)
    place = done.stdout.removesuffix("\n")
    if done.returncode:
        raise PackageCacheError(f"cannot run podman: {place}")
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir=place, ignore_cleanup_errors=True) as folder:
        podman = Podman(Path(folder) / "podman")
        try:
            yield podman
        finally:
            for words in (("pod", "rm", "--all", "--force", "--time", "0"), ("rm", "--all", "--force", "--time", "0"),
                          ("volume", "prune", "--force"), ("image", "umount", "--all", "--force")):  # fmt: skip
                podman(*words, check=False)
            store = [str(podman.folder), str(podman.runroot)]
            run(["rm", "-rf", "--one-file-system", "--", *store], check=False, timeout=300)


def can_run() -> str | None:
    """Return what keeps podman from running here; None: nothing. Raise `ToolMissingError` if it is not installed."""
    done = run(["sh", str(HOST)], check=False, timeout=60)
    if done.returncode:
        return done.stdout.strip()
    find_tool("podman")
    return None
