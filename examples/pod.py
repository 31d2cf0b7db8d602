"""The cache on its way into pods, shown: as images in a registry on loopback, and by them into real pods.

The cache of `package_cache_info` becomes an image in the init form, and one of the runtime. Both are pushed, and pulled
by podman. Then two pods of `deploy/` run without a network: a job that installs `ssh` from the volume that its init
container filled, and a job of the runtime that the owner of a key logs in to.

    ./run pod
"""

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from containers.podman import Podman, can_run, throwaway_podman
from containers.pods import LOGIN, RuntimeJob, documents, played, pods_of
from containers.program import run_program
from containers.registry import Registry, loopback_registry
from examples.main_job import CACHE, a_root, build_a_cache, console, heading

from package_cache.cli.main import run as package_cache
from package_cache.cli.options import given_options
from package_cache.errors import PackageCacheError, ToolMissingError
from package_cache.formatting import in_bytes
from package_cache.process import run
from package_cache.sandbox.bootstrap import archive_root
from package_cache.sandbox.isolation import strongest_isolation

PROJECT = Path(__file__).parents[1]
SYSTEM = "ubuntu18.04"
FORMS = ("init", "runtime")


def main() -> int:
    """Show it all and give the exit status."""
    if reason := can_run():
        raise ToolMissingError(f"cannot run a pod: {reason}")
    if not build_a_cache():
        return 1
    options = given_options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="package-cache-")))
        registry = stack.enter_context(loopback_registry(folder / "registry"))
        podman = stack.enter_context(throwaway_podman())
        push_images(registry)
        pull_images(podman, registry)
        heading(f"the job's image, {SYSTEM}")
        image = f"localhost/ubuntu:{SYSTEM.removeprefix('ubuntu')}"
        isolation = strongest_isolation()
        archive_root(a_root(SYSTEM, options, isolation), folder / "root.tar", isolation)
        podman.import_archive(folder / "root.tar", image)
        heading("deploy/init-container.yaml: an init container stages ssh, the job installs it, without network")
        (spec,) = pods_of("init-container.yaml", image)
        good = show_pod(podman, folder, "job", spec, documents("install-script.yaml")[0])
        heading("deploy/runtime.yaml: the plugin ssh starts sshd, the key's owner logs in, without network")
        job = RuntimeJob(folder)
        command = f"{LOGIN} root@127.0.0.1 'echo logged in to $(hostname) as $(id -un)'"
        good &= show_pod(podman, folder, "worker", *job.pod(image, [command], [job.ssh]))
    return 0 if good else 1


def push_images(registry: Registry) -> None:
    """Make the images and push them, showing the commands."""
    heading("images in a registry")
    cache = CACHE.path.relative_to(PROJECT)
    to = [f"docker://{registry.host}/package-cache:{form}" for form in FORMS]
    console.print(f"$ package-cache image --form init --cache {cache} --output {to[0]}")
    if package_cache(["image", "--form", "init", "--cache", str(CACHE.path), "--output", to[0]]) != 0:
        raise PackageCacheError("cannot go on without the image")
    console.print(f"$ python runtime/build_image.py --cache {cache} --output {to[1]}")
    script = str(PROJECT / "runtime" / "build_image.py")
    made = run([sys.executable, script, "--cache", str(CACHE.path), "--output", to[1]], timeout=1800)
    console.print(made.stdout, end="", markup=False)


def pull_images(podman: Podman, registry: Registry) -> None:
    """Pull them as a node would, and name them as the manifests do."""
    heading("what a node pulls")
    for form in FORMS:
        before, began = len(registry.requests()), time.monotonic()
        name = f"{registry.host}/package-cache:{form}"
        podman.pull(name)
        seconds, pulled = time.monotonic() - began, registry.pulled(before)
        podman("tag", name, f"localhost:5000/package-cache:{form}")
        console.print(
            f"{form:8} {in_bytes(sum(one.bytes for one in pulled))} in {len(pulled)} requests, {seconds:.1f} s"
        )


def show_pod(podman: Podman, folder: Path, container: str, *pod_and_config: dict[str, object]) -> bool:
    """Run a pod and show what its job says; tell whether that ended well."""
    began = time.monotonic()
    with played(podman, folder, f"demo-{container}", *pod_and_config) as pod:
        ended = pod.ended(container)
    for line in ended.log.splitlines():
        console.print(f"  | {line}", markup=False)
    console.print(f"  exit status {ended.status}, {time.monotonic() - began:.1f} s from the pod's start")
    return ended.status == 0


if __name__ == "__main__":
    os.chdir(PROJECT)
    run_program(main, console)
