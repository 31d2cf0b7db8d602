"""Which tier is chosen is found by trying, for root and for an ordinary user, and refusals say what to do."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.busybox import busybox_root, needs, python_of_everybody

from package_cache.outside.roots.isolation import Isolation, strongest_isolation

CHOOSE = "from package_cache.outside.roots.isolation import *; print(strongest_isolation().name)"

WORK = """
import sys
from pathlib import Path
from package_cache.outside.roots.isolation import Isolation, throwaway
root, shared = Path(sys.argv[1]), Path(sys.argv[2])
with throwaway(root, Isolation.USER_NAMESPACE, binds={"/ro": root}, writable_binds={"/shared": shared}) as container:
    container.run(["sh", "-c", "echo new > /etc/keep; echo out > /shared/result; touch /theirs"])
    print(container.run(["id", "-u"]).stdout.strip(), container.path("/etc/keep").read_text().strip())
    print(container.run(["touch", "/ro/no"], check=False).stderr.strip().rpartition(": ")[2])
    print(container.run(["ip", "-o", "link"]).stdout.split(":")[1].strip())
print((root / "etc/keep").read_text().strip(), (shared / "result").stat().st_uid)
"""


SHOW = """
import sys
from pathlib import Path
from package_cache.outside.roots.isolation import Isolation, throwaway
with throwaway(Path(sys.argv[1]), Isolation.USER_NAMESPACE, binds={"/shown": Path(sys.argv[2])}) as container:
    print(container.run(["touch", "/shown/no"], check=False).stderr.strip().rpartition(": ")[2])
"""


@pytest.fixture
def user_with_ids() -> pwd.struct_passwd:
    """A user of this machine who has a range in /etc/subuid."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    table = Path("/etc/subuid")
    for line in table.read_text().splitlines() if table.exists() else ():
        name, _, numbers = line.partition(":")
        if name in {user.pw_name for user in pwd.getpwall()} and int(numbers.rpartition(":")[2]) >= 65535:
            return pwd.getpwnam(name)
    pytest.skip("no user of this machine has a range in /etc/subuid")


@pytest.fixture
def folder_of_everybody() -> Iterator[Path]:
    """pytest's own folders cannot be entered by other users."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_choice_works_here(tmp_path: Path) -> None:
    needs(strongest_isolation(), busybox_root(tmp_path / "root"))


def test_an_ordinary_user_has_a_root_of_its_own(user_with_ids: pwd.struct_passwd, folder_of_everybody: Path) -> None:
    uid, gid = str(user_with_ids.pw_uid), str(user_with_ids.pw_gid)
    root, shared = busybox_root(folder_of_everybody / "root"), folder_of_everybody / "shared"
    shared.mkdir()
    for path in (root, *root.rglob("*"), shared):
        os.chown(path, int(uid), int(gid), follow_symlinks=False)
    as_user = ["setpriv", "--reuid", uid, "--regid", gid, "--init-groups"]
    if (
        subprocess.run([*as_user, "unshare", "-r", "-m", "-p", "-f", "--mount-proc", "true"], check=False).returncode
        != 0
    ):
        pytest.skip("this machine gives an ordinary user no namespaces")
    python = python_of_everybody(as_user)
    chosen = subprocess.run([*python, "-c", CHOOSE], capture_output=True, text=True, check=False)
    assert chosen.stdout == "USER_NAMESPACE\n", chosen.stderr
    done = subprocess.run([*python, "-c", WORK, root, shared], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == f"0 new\nRead-only file system\nlo\nas it was {uid}\n"


def test_a_user_without_ids_is_told_how_to_have_some() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    python = python_of_everybody(["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"])
    done = subprocess.run([*python, "-c", CHOOSE], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot make a throw-away root" in done.stderr
    if "Operation not permitted" not in done.stderr:
        assert "hint: as root: usermod --add-subuids" in done.stderr


def test_root_without_the_right_to_mount_or_unshare_has_a_chroot() -> None:
    if os.geteuid() != 0:
        pytest.skip("a chroot takes root")
    poor = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin "$@"'
    confined = ["unshare", "--user", "--map-root-user", "sh", "-c", poor, "sh"]
    if subprocess.run([*confined, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets us make no user namespace to try it in")
    done = subprocess.run([*python_of_everybody(confined), "-c", CHOOSE], capture_output=True, text=True, check=False)
    assert done.stdout == f"{Isolation.CHROOT.name}\n", done.stderr


def test_a_user_namespace_shows_folders_of_mounts_with_locked_options(tmp_path: Path) -> None:
    root, folder = busybox_root(tmp_path / "root"), tmp_path / "mounted"
    needs(Isolation.ROOT_NAMESPACES, root)
    needs(Isolation.USER_NAMESPACE, root)
    folder.mkdir()
    mounted = f"mount -t tmpfs -o nosuid,nodev,noexec,noatime tmpfs '{folder}' && exec \"$@\""
    python = python_of_everybody(["unshare", "--mount", "sh", "-c", mounted, "sh"])
    done = subprocess.run([*python, "-c", SHOW, root, folder], capture_output=True, text=True, check=False)
    assert done.stdout == "Read-only file system\n", done.stderr
