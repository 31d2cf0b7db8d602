"""Where podman plays pods: what cannot work is refused before anything is installed or tried."""

import os
import shutil
from pathlib import Path

import pytest
from containers.podman import HOST, can_run

from package_cache.process import run

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="podman is run as root here, and this user is not")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("podman version 3.4.4", "podman 4.3 or newer is needed; this is 3.4.4"),
        ("podman version 4.3.1", None),
        ("podman version 5.0.0-dev", None),
        ("no number", "podman 4.3 or newer is needed; this is no number"),
    ],
)
def test_an_older_podman(said: str, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "podman").write_text(f"#!/bin/sh\necho {said}\n")
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert can_run() == reason


def test_run_refuses_an_old_podman_before_it_installs_anything(tmp_path: Path) -> None:
    for name, words in {"podman": "echo podman version 3.4.4", "dpkg-query": "false", "apt-get": ": >asked"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}; {words}\n")
        (tmp_path / name).chmod(0o755)
    done = run([str(PROJECT / "run"), "pod"], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False)
    assert (done.returncode, done.stdout) == (8, "")
    assert done.stderr == "run: cannot run podman: podman 4.3 or newer is needed; this is 3.4.4\n"
    assert not (tmp_path / "asked").exists()


def test_a_release_whose_podman_is_too_old_is_refused_without_one(tmp_path: Path) -> None:
    (tmp_path / "release").write_text('ID=ubuntu\nVERSION_ID="22.04"\n')
    (tools := tmp_path / "tools").mkdir()
    for name in ("dpkg", "grep", "id", "sh", "stat", "true", "unshare"):
        (tools / name).symlink_to(str(shutil.which(name)))
    there = f"mount --bind {tmp_path}/release /etc/os-release; PATH={tools} sh {HOST}"
    done = run(["unshare", "--mount", "sh", "-c", there], check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("podman 4.3 or newer is needed; this is 3.4, in Ubuntu 22.04: use ")


def test_a_store_does_not_lie_on_overlayfs(tmp_path: Path) -> None:
    there = f"""
        mount -t tmpfs tmpfs {tmp_path}; cd {tmp_path}; mkdir lower upper work merged
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
        TMPDIR={tmp_path} sh {HOST}
        for folder in /var/tmp /var/lib/containers; do [ ! -d $folder ] || mount --bind merged $folder; done
        TMPDIR={tmp_path}/merged sh {HOST}
    """
    done = run(["unshare", "--mount", "sh", "-c", there], check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{tmp_path}\npodman's store cannot lie on overlayfs")
