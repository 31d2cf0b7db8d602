"""Which isolation is chosen is found by trying, for root and for an ordinary user, and refusals say what to do.

So does a machine that cannot run the programs of an architecture.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.architectures import OTHER, OWN
from tests.support.busybox import busybox_root, give_to_roots_inside, needs, needs_containment, python_of_everybody
from tests.support.users import UID, as_ordinary_user

from package_cache.errors import PackageCacheError, ToolMissingError
from package_cache.sandbox.isolation import Isolation, isolation_for, strongest_isolation
from package_cache.sandbox.namespaces import hold


def program(python: list[str], text: str, *words: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program as another user, or as root with less rights."""
    return subprocess.run([*python, "-c", text, *words], capture_output=True, text=True, check=False)


CHOOSE = "from package_cache.sandbox.isolation import *; print(strongest_isolation().name)"
CHOOSE_FOR_STRANGERS = """
from pathlib import Path
from package_cache.releases.distributions import release_of
from package_cache.sandbox.isolation import isolation_for
from package_cache.errors import PackageCacheError
from package_cache.system import System
from package_cache.releases.precommands import precommand_isolation
from package_cache.settings import Options

try:
    print(isolation_for("amd64").name)
except PackageCacheError as error:
    print(error.status.name, error)
release, options = release_of(System.parse("ubuntu18.04")), Options(Path("/nonexistent"))
try:
    precommand_isolation(release, options)
    print("the precommands would run")
except PackageCacheError as error:
    print(error.status.name, error.hint)
print(isolation_for("amd64", uncontained=True).name)
"""
EARLY = """
import sys
from pathlib import Path
from package_cache.cache.layout import CacheFolder
from package_cache.manifest import read_manifest
from package_cache.errors import PackageCacheError
from package_cache.check.matrix import CheckOptions, check_one
from package_cache.manifest.model import Where
from package_cache.resolve.groups import make_lock
from package_cache.settings import Options

folder = Path(sys.argv[1])
(folder / "manifest").write_text("edit,ubuntu18.04,editor\\ntool,ubuntu18.04,tool,echo prepared\\n")
manifest, cache = read_manifest(folder / "manifest"), CacheFolder(folder / "cache")
image = Where(image="docker://127.0.0.1:9/image")
for work in (
    lambda: make_lock(manifest, Options(folder / "state"), print),
    lambda: check_one(["edit"], cache, image, CheckOptions(folder / "state", install=True), print),
):
    try:
        work()
    except PackageCacheError as error:
        print(error.status.name)
print((folder / "state").exists())
"""

HEAD = """
import sys
from pathlib import Path
from package_cache.sandbox.isolation import Isolation, disposable_root
"""
WORK = """
root = Path(sys.argv[1])
with disposable_root(root, Isolation.CONTAINER, binds={"/ro": root}) as container:
    container.run(["sh", "-c", "echo new > /etc/keep; touch /theirs"])
    print(container.run(["id", "-u"]).stdout.strip(), container.run(["cat", "/etc/keep"]).stdout.strip())
    print(container.run(["touch", "/ro/no"], check=False).stderr.strip().rpartition(": ")[2])
    print(container.run(["ip", "-o", "link"]).stdout.split(":")[1].strip())
print((root / "etc/keep").read_text().strip())
"""
SHOW = """
with disposable_root(Path(sys.argv[1]), Isolation.CONTAINER, binds={"/shown": Path(sys.argv[2])}) as container:
    print(container.run(["touch", "/shown/no"], check=False).stderr.strip().rpartition(": ")[2])
"""


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user or be confined")


@pytest.fixture
def folder_of_everybody() -> Iterator[Path]:
    """pytest's own folders cannot be entered by other users."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_choice_works_here() -> None:
    needs(strongest_isolation())


def test_an_ordinary_user_has_a_root_of_its_own(folder_of_everybody: Path) -> None:
    root = busybox_root(folder_of_everybody / "root")
    for path in (root, *root.rglob("*")):
        os.chown(path, UID, UID, follow_symlinks=False)
    python = python_of_everybody(as_ordinary_user(folder_of_everybody))
    chosen = program(python, CHOOSE)
    assert chosen.stdout == "CONTAINER\n", chosen.stderr
    done = program(python, HEAD + WORK, root)
    assert done.stderr == ""
    assert done.stdout == "0 new\nRead-only file system\nlo\nas it was\n"


def test_a_user_without_ids_is_told_how_to_have_some() -> None:
    needs_root()
    python = python_of_everybody(["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"])
    done = program(python, CHOOSE)
    assert done.returncode == 1
    assert "cannot run a stranger's programs here" in done.stderr
    if "Operation not permitted" not in done.stderr:
        assert "hint: as root: usermod --add-subuids" in done.stderr


def _confined(capabilities: str) -> list[str]:
    """Return the argv prefix of Python as root without `capabilities` (setpriv(1)), as in a default container."""
    needs_root()
    return python_of_everybody(["setpriv", "--bounding-set", capabilities, "--inh-caps", capabilities])


def test_root_without_the_right_to_mount_or_unshare_has_a_chroot_and_refuses_strangers() -> None:
    python = _confined("-sys_admin")
    done = program(python, CHOOSE)
    assert done.stdout == f"{Isolation.CHROOT.name}\n", done.stderr
    done = program(python, CHOOSE_FOR_STRANGERS)
    assert done.stdout.startswith("NOT_CONTAINED cannot run a stranger's programs here: "), done
    assert "\nhint: do it where root or this user may make user namespaces" in done.stdout
    *_, precommands, uncontained = done.stdout.splitlines()
    assert precommands.startswith("NOT_CONTAINED ")
    assert precommands.endswith("or trust these precommands as yourself: --uncontained-precommands")
    assert uncontained == "CHROOT"


def test_root_without_the_right_to_chroot_either_is_refused() -> None:
    python = _confined("-sys_admin,-sys_chroot")
    done = program(python, CHOOSE)
    assert done.returncode == 1
    assert "cannot run a stranger's programs here" in done.stderr


def test_root_with_a_single_id_is_refused_with_the_setting_that_forbids_namespaces() -> None:
    poor = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    single = ["unshare", "--user", "--map-root-user", "sh", "-c", poor, "sh"]
    if subprocess.run([*single, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets us make no user namespace to try it in")
    done = program(python_of_everybody(single), CHOOSE)
    assert done.returncode == 1
    assert "\nuser.max_user_namespaces is 0: no user may make user namespaces" in done.stderr


def test_what_cannot_be_contained_is_refused_before_anything_is_downloaded(tmp_path: Path) -> None:
    python = _confined("-sys_admin")
    done = program(python, EARLY, tmp_path)
    assert done.stdout == "NOT_CONTAINED\nNOT_CONTAINED\nFalse\n", done


def test_folders_of_mounts_with_locked_options_are_shown(tmp_path: Path) -> None:
    needs_containment()
    root, folder = give_to_roots_inside(busybox_root(tmp_path / "root")), tmp_path / "mounted"
    folder.mkdir()
    mounted = f"mount -t tmpfs -o nosuid,nodev,noexec,noatime tmpfs '{folder}' && exec \"$@\""
    python = python_of_everybody(["unshare", "--mount", "sh", "-c", mounted, "sh"])
    done = program(python, HEAD + SHOW, root, folder)
    assert done.stdout == "Read-only file system\n", done.stderr


WORK_OF_FEW_IDS = """
with disposable_root(Path(sys.argv[1]), Isolation.CONTAINER) as container:
    print(container.run(["cat", "/proc/self/uid_map"]).stdout.split(), container.run(["id", "-u"]).stdout)
"""


def test_root_with_the_few_ids_of_a_container_is_another_user_inside(folder_of_everybody: Path) -> None:
    needs_containment()
    needs_root()
    root = busybox_root(folder_of_everybody / "root")
    with hold(["mount -t proc proc /proc"], ["--mount", "--pid"], user=True) as container:
        python = python_of_everybody(list(container.enter))
        done = program(python, HEAD + WORK_OF_FEW_IDS, root)
    assert done.stdout == "['0', '0', '1', '1', '1', '65534'] 0\n\n", done.stderr


INSTALL = (
    "install it: apt-get install --no-install-recommends qemu-user-static (from Ubuntu 26.04 on: qemu-user); "
    "Linux 6.7 lets a namespace of ours use it, an older one needs it registered for the whole machine "
    "(systemd-binfmt.service, or the package binfmt-support)"
)


@pytest.fixture
def without_emulators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with this machine's tools but for those: the only one of PATH."""
    if any(Path("/proc/sys/fs/binfmt_misc").glob("qemu-*")):
        pytest.skip("emulators are registered for this whole machine")
    for folder in ("/usr/bin", "/bin"):
        for tool in Path(folder).iterdir():
            if not tool.name.startswith("qemu-") and not (tmp_path / tool.name).is_symlink():
                (tmp_path / tool.name).symlink_to(tool)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_this_machines_own_architecture_needs_no_emulation(containment: Isolation) -> None:
    assert isolation_for(OWN) is containment


def test_an_architecture_that_nobody_emulates_is_refused() -> None:
    with pytest.raises(PackageCacheError) as caught:
        isolation_for("s390x")
    assert (caught.value.message, caught.value.hint) == (
        f"cannot run programs of s390x on this machine, which is of {OWN}",
        "do it on a machine of s390x: emulated are only amd64 and arm64",
    )


@pytest.mark.parametrize("broken", [False, True])
def test_without_an_emulator_that_works_it_says_what_to_install(without_emulators: Path, broken: bool) -> None:
    for name in ("aarch64", "x86_64") if broken else ():
        (without_emulators / f"qemu-{name}-static").symlink_to("/bin/false")
    with pytest.raises(PackageCacheError if broken else ToolMissingError) as caught:
        isolation_for(OTHER)
    cause = "neither itself nor by emulation" if broken else "it has no emulator of them"
    cannot = f"cannot run programs of {OTHER} on this machine, which is of {OWN}"
    assert (caught.value.message, caught.value.hint) == (f"{cannot}: {cause}", INSTALL)
