"""The demo: build the cache of `package_cache_info` and install from it in disposable roots without a network.

For each system, `try_to_install_by_cache` stages a group as an init container does, and the command that it returns
runs in a root without a network. Then one group is recorded, and installed once more by its recording. At the end it
asks for a group that the cache does not have, and the fallback runs.

    ./run demo
"""

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from containers.program import run_program
from rich.console import Console

from package_cache import try_to_install_by_cache
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cli.main import run as package_cache
from package_cache.cli.options import given_options
from package_cache.exit_codes import ExitStatus
from package_cache.plugin.api import CACHE_VARIABLE, WORK_VARIABLE
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import release_of
from package_cache.releases.os_release import read_os_release
from package_cache.sandbox.container import Container
from package_cache.sandbox.isolation import Isolation, disposable_root, strongest_isolation
from package_cache.settings import Options
from package_cache.system import System

PROJECT = Path(__file__).parent.parent
FOLDER = PROJECT / f".demo-{os.geteuid()}"
"""One for each user: another user cannot overwrite files that root made."""
CACHE, RECORDED = CacheFolder(FOLDER / "package_cache"), CacheFolder(FOLDER / "recorded")
PACKAGES = {"ssh": "openssh-client openssh-server", "nfs": "nfs-common"}
RECORDED_GROUP = "ssh"
SHOWN = {"ssh": "mkdir -p /run/sshd && ssh -V && /usr/sbin/sshd -t && echo 'sshd -t: fine'", "nfs": "mount.nfs -V"}

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Run the demo and return the exit status."""
    began = time.monotonic()
    isolation = strongest_isolation()
    if not build_a_cache():
        return 1
    options = given_options()
    systems = sorted({group.system for group in read_description(CACHE).groups})
    heading("disposable roots")
    console.print(f"isolation: {isolation.value}")
    with ThreadPoolExecutor(2) as pool:  # debootstrapping waits for dpkg more than for the processor
        roots = dict(zip(systems, pool.map(lambda name: a_root(name, options, isolation), systems), strict=True))
    installed = [line for name, root in roots.items() for line in show_groups(name, root, isolation, CACHE)]
    expected = len(PACKAGES) * len(systems)
    if record(systems[-1], roots[systems[-1]]):
        installed += show_groups(systems[-1], roots[systems[-1]], isolation, RECORDED, [RECORDED_GROUP])
        expected += 1
    show_fallback(systems[0], roots[systems[0]], isolation)
    heading("results: installed from the cache")
    for line in installed:
        console.print(line)
    console.print(f"\nNext: list the cache with .venv/bin/package-cache list --cache {FOLDER.name}/package_cache")
    took = time.monotonic() - began
    console.print(f"{len(installed)} of {expected} installations succeeded; the demo took {took:.1f} s")
    return 0 if len(installed) == expected else 1


def heading(text: str) -> None:
    """Print a heading."""
    console.print(f"\n[bold]== {text}[/bold]")


def build_a_cache() -> bool:
    """Build the cache of the project's manifest, or one for this machine's release; return whether that succeeded."""
    FOLDER.mkdir(exist_ok=True)
    manifest = FOLDER / "package_cache_info"
    shutil.copyfile(PROJECT / "package_cache_info", manifest)
    status = build(manifest)
    if status in (ExitStatus.ARCHIVE_UNREACHABLE.code, ExitStatus.NOT_VERIFIED.code):
        own = read_os_release()
        name = f"{own.get('ID')}{own.get('VERSION_ID')}"
        cause = "does not answer" if status == ExitStatus.ARCHIVE_UNREACHABLE.code else "is not trusted here"
        console.print(f"\n[yellow]The archive {cause}: the demo uses this machine's release, {name}.[/yellow]")
        manifest = FOLDER / name / "package_cache_info"  # a folder of its own, for its lock
        manifest.parent.mkdir(exist_ok=True)
        manifest.write_text(
            "".join(f"{group},{name},{packages}\n" for group, packages in PACKAGES.items()), encoding="utf-8"
        )
        status = build(manifest)
    return status == 0


def build(manifest: Path) -> int:
    """Print the command line and build the cache as it does."""
    heading("build the cache")
    short, cache = manifest.relative_to(PROJECT), CACHE.path.relative_to(PROJECT)
    console.print(f"$ package-cache build --manifest {short} --output {cache}")
    return package_cache(["build", "--manifest", str(manifest), "--output", str(CACHE.path)])


def record(name: str, root: Path) -> bool:
    """Record a group in a part of the cache of its own; return whether that succeeded."""
    heading(f"record {RECORDED_GROUP} in {name}")
    shutil.rmtree(RECORDED.path, ignore_errors=True)
    (image := FOLDER / f"{name}-root").unlink(missing_ok=True)
    image.symlink_to(root)
    cache, part, link = (path.relative_to(PROJECT) for path in (CACHE.path, RECORDED.path, image))
    console.print(f"$ package-cache stage {RECORDED_GROUP} --cache {cache} --to {part}")
    console.print(f"$ package-cache record {RECORDED_GROUP} --cache {part} --root {link}")
    return (
        package_cache(["stage", RECORDED_GROUP, "--cache", str(CACHE.path), "--to", str(RECORDED.path)]) == 0
        and package_cache(["record", RECORDED_GROUP, "--cache", str(RECORDED.path), "--root", str(image)]) == 0
    )


def a_root(name: str, options: Options, isolation: Isolation) -> Path:
    """Return a minimal root of a system. It is made once and kept."""
    began = time.monotonic()
    root = release_root(release_of(System.parse(name)), options, isolation)
    console.print(f"{name}: a minimal root ({time.monotonic() - began:.1f} s)")
    return root


def show_groups(
    name: str, root: Path, isolation: Isolation, cache: CacheFolder, groups: Collection[str] = PACKAGES
) -> Iterator[str]:
    """Install each group in a new root and run a program of it. Yield a line for each one that succeeds."""
    how = " by its recording" if cache == RECORDED else ""
    for group in groups:
        heading(f"install {group} in {name}{how}, without a network")
        with tempfile.TemporaryDirectory(prefix="package-cache-") as volume:
            command = generate(group, ["apt-get update", f"apt-get install -y {PACKAGES[group]}"], volume, cache)
            with job_container(root, isolation, volume) as container:
                before, network = count_installed(container), network_bytes(container)
                began = time.monotonic()
                status = run_and_show(container, command)
                seconds = time.monotonic() - began
                if status == 0 and run_and_show(container, SHOWN[group]) == 0:
                    received = f"{network_bytes(container) - network} bytes from the network"
                    if isolation is Isolation.CHROOT:  # the container's network is the host's
                        received = "network not isolated"
                    number = count_installed(container) - before
                    yield f"  {name}  {group:4}  {number:3} packages  {seconds:5.2f} s  {received}{how}"


def show_fallback(name: str, root: Path, isolation: Isolation) -> None:
    """Ask for a group that the cache does not have."""
    heading(f"a group that the cache does not have, in {name}: the fallback runs")
    with tempfile.TemporaryDirectory(prefix="package-cache-") as volume:
        generate("ssh", [], volume)  # another plugin of the same job: the volume holds its group
        fallback = ["echo 'the fallback commands run in order:'", "dpkg --version | head -n 1"]
        command = generate("debugger", fallback, volume)
        with job_container(root, isolation, volume) as container:
            run_and_show(container, command)


def job_container(root: Path, isolation: Isolation, volume: str) -> AbstractContextManager[Container]:
    """Return the job's container, without network; the volume that its init container filled is at the same path."""
    Path(volume).chmod(0o755)  # root in the container is another user here
    return disposable_root(root, isolation, binds={volume: Path(volume)})


def generate(group: str, fallback: list[str], volume: str, cache: CacheFolder = CACHE) -> str:
    """Return the command that a plugin makes in the init container."""
    os.environ.update({CACHE_VARIABLE: str(cache.path), WORK_VARIABLE: volume})
    console.print(f"try_to_install_by_cache({group!r}, fallback_cmds={fallback!r})")
    return try_to_install_by_cache(group, fallback)


def run_and_show(container: Container, command: str) -> int:
    """Run a command as the job's container does, print its output and return its exit status."""
    completed = container.run(["sh", "-c", command], check=False, timeout=300)
    for line in (completed.stdout + completed.stderr).splitlines():
        console.print(f"  | {line}", markup=False)
    console.print(f"  exit status {completed.returncode}")
    return completed.returncode


def count_installed(container: Container) -> int:
    """Return the number of packages that dpkg has installed."""
    states = container.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\\n"]).stdout
    return sum(state.startswith("ii") for state in states.splitlines())


def network_bytes(container: Container) -> int:
    """Return the bytes received on all interfaces but loopback (/proc/net/dev)."""
    rows = container.run(["cat", "/proc/net/dev"]).stdout.splitlines()[2:]
    return sum(int(row.split(":")[1].split()[0]) for row in rows if row.split(":")[0].strip() != "lo")


if __name__ == "__main__":
    run_program(main, console)
