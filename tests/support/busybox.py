"""A whole root in one file: static busybox, with a shell, and the few folders and links that a root has."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import package_cache
from package_cache.errors import PackageCacheError
from package_cache.sandbox.bootstrap import root_owner
from package_cache.sandbox.isolation import Isolation, isolation_for

TOOLS = "sh cat echo env id ip ls mkdir mktemp nc ps rm seq setsid sleep test touch head wc stat hostname ln"


def busybox_root(folder: Path) -> Path:
    """Make such a root; the test counts as skipped where this machine has no static busybox."""
    busybox = Path("/bin/busybox")
    if not busybox.is_file() or b"/lib64/ld-linux" in busybox.read_bytes()[:4096]:
        pytest.skip("needs static busybox: apt-get install busybox-static")
    for name in ("bin", "dev", "etc", "proc", "run/lock", "sys", "tmp", "var"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    (folder / "bin/busybox").write_bytes(busybox.read_bytes())
    (folder / "bin/busybox").chmod(0o755)
    for tool in TOOLS.split():
        (folder / "bin" / tool).symlink_to("busybox")
    (folder / "var/lock").symlink_to("/run/lock")  # absolute, as Debian's
    (folder / "etc/keep").write_text("as it was\n")
    return folder


def tree(folder: Path) -> dict[str, str]:
    """Return all that is in a folder as one map that can be compared: kind, mode, content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if path.is_symlink():
            content = str(path.readlink())
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = f"{mode:o} {content}"
    return found


def give_to_roots_inside(root: Path) -> Path:
    """Make a root one of those that are kept: owned by the ids that root inside has."""
    if os.geteuid() == 0:
        for path in (root, *root.rglob("*")):
            os.chown(path, *root_owner(Isolation.CONTAINER), follow_symlinks=False)
    return root


def needs(isolation: Isolation) -> None:
    """Skip a test, visibly, where this machine does not have that isolation."""
    if isolation is not Isolation.CHROOT:
        needs_containment()
    elif os.geteuid() != 0:
        pytest.skip("a chroot takes root")


def needs_containment() -> None:
    """Skip a test, visibly, where this machine can contain nothing; in CI it must."""
    try:
        isolation_for("amd64")
    except PackageCacheError as error:
        if os.environ.get("CI"):
            pytest.fail(f"this machine can contain nothing, and CI is set: {error}")
        pytest.skip(f"this machine can contain nothing: {error}")


def processes_with(sign: str) -> list[str]:
    """Return the ids of the running processes whose command line holds `sign`, which is unique to the test."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if sign in words:
            found.append(folder.name)
    return found


def python_of_everybody(user: list[str], module: str = "package_cache.sandbox.isolation") -> list[str]:
    """Return the argv prefix that runs this package's Python as another user; skip where none can import `module`."""
    sources = os.pathsep.join(str(Path(path).parents[1]) for path in (package_cache.__file__, click.__file__))
    for interpreter in (sys.executable, "/usr/bin/python3"):
        command = [*user, "env", "-C", "/", f"PYTHONPATH={sources}", interpreter]
        tried = subprocess.run([*command, "-c", f"import {module}"], capture_output=True, check=False)
        if tried.returncode == 0:
            return command
    pytest.skip("no Python here that an ordinary user can run with this package")
