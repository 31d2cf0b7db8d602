"""`./run` refuses what a machine cannot do before it installs anything, and names the nearest thing that works."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
NOBODY = ["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"]


def refused(prefix: Sequence[str], what: str) -> list[str]:
    """Return the lines with which `run` refuses; it is read from a pipe in /, where it could make nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user, and show itself another os-release")
    argv = [*prefix, "sh", "-s", what]
    with (PROJECT / "run").open() as script:
        done = subprocess.run(argv, stdin=script, cwd="/", capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (8, "")
    return done.stderr.splitlines()


@pytest.mark.parametrize("release", ["debian 11", "ubuntu 20.04", "ubuntu 9.10"])
@pytest.mark.parametrize("what", ["demo", "pod", "tests", "bench"])
def test_an_old_release(release: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text('ID={}\nVERSION_ID="{}"\n'.format(*release.split()))
    shown = f'mount --bind {shlex.quote(str(tmp_path / "os-release"))} /etc/os-release && exec "$@"'
    assert refused(["unshare", "--mount", "sh", "-c", shown, "sh"], what) == [
        f"run: cannot go on: Debian 12 or newer or Ubuntu 22.04 or newer is needed; this is {release}",
        "run: do it in a container of one of these, with --privileged",
    ]


def test_root_that_may_not_chroot() -> None:
    first, _ = refused(["setpriv", "--bounding-set", "-sys_chroot", "--inh-caps", "-sys_chroot"], "demo")
    assert first == "run: cannot go on: root may not change its root folder here (CAP_SYS_CHROOT)"


def test_root_with_a_single_id() -> None:
    single = ["unshare", "--user", "--map-root-user"]
    if subprocess.run([*single, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets us make no user namespace to try it in")
    assert refused(single, "demo")[0] == ("run: cannot go on: root has 1 ids here, and a root of a release needs 65535")


def test_a_user_without_namespaces_or_ids() -> None:
    first, second = refused(NOBODY, "demo")
    assert first.startswith("run: cannot go on: 65533 ")
    assert second in (
        "run: do it as root: sudo ./run demo",
        "run: have some: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 65533",
    )


def test_a_user_without_sudo_has_no_pods() -> None:
    hidden = "[ ! -e /usr/bin/sudo ] || mount --bind /dev/null /usr/bin/sudo"
    argv = ["unshare", "--mount", "sh", "-c", f'{hidden}; exec "$@"', "sh", *NOBODY]
    assert refused(argv, "pod") == [
        "run: cannot go on: podman is run as root, and there is no sudo",
        "run: do it as root: ./run pod",
    ]
