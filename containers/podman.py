"""podman with a store of its own: nothing of this machine's containers is seen, used or changed."""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from package_cache.outside.run import Completed, run

OLDEST = (4, 3)
"""The version of podman that plays pods as we need it."""

_SYS_ADMIN = 21
"""Number of CAP_SYS_ADMIN in the masks of proc(5), status."""

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
        self._run = Path(
            tempfile.mkdtemp(prefix="podman-", dir="/tmp")
        )  # podman takes no path of more than 50 characters
        (folder / "containers.conf").write_text(_CONTAINERS_CONF, encoding="utf-8")
        (folder / "registries.conf").write_text("unqualified-search-registries = []\n", encoding="utf-8")
        self.environment = {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "TMPDIR": str(folder),
        }
        self._argv = (
            "podman", "--root", str(folder / "storage"), "--runroot", str(self._run),
            "--tmpdir", str(folder / "tmp"),
        )  # fmt: skip

    def argv(self, *words: str) -> list[str]:
        """Give the words that run podman on this store."""
        return [*self._argv, *words]

    def __call__(self, *words: str, check: bool = True, timeout: float = 300, stdin: str | None = None) -> Completed:
        """Run podman. Raises `CommandError` where it fails and `check` is set, and where it takes too long."""
        return run(self.argv(*words), env=self.environment, check=check, timeout=timeout, stdin=stdin)

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

    def close(self) -> None:
        """Remove every pod, container and image, and the store."""
        for words in (("pod", "rm", "--all", "--force", "--time", "0"), ("rm", "--all", "--force", "--time", "0"),
                      ("volume", "prune", "--force"), ("image", "umount", "--all", "--force")):  # fmt: skip
            self(*words, check=False)
        run(["rm", "-rf", "--one-file-system", "--", str(self.folder), str(self._run)], check=False, timeout=300)


@contextmanager
def throwaway_podman(folder: Path | None = None) -> Iterator[Podman]:
    """Give a podman whose store is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir=folder, ignore_cleanup_errors=True) as place:
        podman = Podman(Path(place) / "podman")
        try:
            yield podman
        finally:
            podman.close()


def can_run() -> str | None:
    """Return what keeps podman from running here, or None. Raise `ToolMissingError` where it is not installed."""
    if os.geteuid() != 0:
        return "podman is run as root here, and this user is not: sudo ./run pod"
    capabilities = re.search(r"^CapEff:\s*([0-9a-f]+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if capabilities and not int(capabilities[1], 16) >> _SYS_ADMIN & 1:
        return "podman must mount, and this container has no CAP_SYS_ADMIN: use a privileged container, or no container"
    said = run(["podman", "--version"], timeout=60).stdout
    version = re.search(r"([0-9]+)\.([0-9]+)", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        this = said.strip().removeprefix("podman version ")
        return f"podman {'.'.join(map(str, OLDEST))} or newer is needed; this is {this}"
    return None
