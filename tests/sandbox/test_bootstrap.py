"""Roots are made once, whole or not at all. (That real releases come out of it: the system tests.)

Where it is about keeping and cleaning up, a small script stands for mmdebstrap; apt's errors come from the real one.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.busybox import needs, needs_containment, processes_with, python_of_everybody
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer

import package_cache
from package_cache.errors import ArchiveError, PackageCacheError, ToolMissingError, VerificationError
from package_cache.events import Event, Step
from package_cache.sandbox.bootstrap import RootSource, make_root
from package_cache.sandbox.isolation import Isolation

STAND_IN = """#!/bin/sh
set -f; echo $* >> "{log}"
for word; do case $word in /*/root | /*/shown0) root=$word;; esac; done
mkdir -p "$root/etc/apt/apt.conf.d" "$root/dev"
touch "$root/etc/hostname" "$root/etc/resolv.conf" "$root/etc/apt/apt.conf.d/99mmdebstrap"
{then}
"""


@pytest.fixture
def source(tmp_path: Path) -> RootSource:
    keyring = tmp_path / "keyring.gpg"
    keyring.write_bytes(b"key")
    lines = ("deb [arch=amd64] http://127.0.0.1:9/ plain main", "deb http://127.0.0.1:9/ plain-updates main")
    return RootSource("plain", "amd64", lines, keyring)


Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, source: RootSource, containment: Isolation) -> Make:
    """Make a root from this source, or from another one."""
    return lambda source=source, isolation=containment, **more: make_root(
        source, state=tmp_path, isolation=isolation, **more
    )


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Puts a stand-in for mmdebstrap first in PATH; the lines of this file are how often and how it was called."""
    folder = Path(tempfile.mkdtemp())  # pytest's own folders cannot be entered by the ids inside
    folder.chmod(0o777)
    _stand_in(folder / "log", "")
    monkeypatch.setenv("PATH", f"{folder}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    yield folder / "log"
    shutil.rmtree(folder)


def _stand_in(log: Path, then: str) -> None:
    program = log.with_name("bin") / "mmdebstrap"
    program.parent.mkdir(exist_ok=True)
    program.write_text(STAND_IN.format(log=log, then=then))
    program.chmod(0o755)


def _calls(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def _left(state: Path) -> list[str]:
    """Everything below roots/ but the locks."""
    return sorted(path.name for path in (state / "roots").iterdir() if not path.name.endswith(".lock"))


def _making(suite: str, source: RootSource, state: Path, isolation: Isolation) -> str:
    """Return a program that makes a root of another suite, and prints its path."""
    other = f"RootSource({suite!r}, 'amd64', ('deb http://127.0.0.1:9/ {suite} main',), Path({str(source.keyring)!r}))"
    return (
        "from pathlib import Path; from package_cache.sandbox.isolation import *;"
        "from package_cache.sandbox.bootstrap import *;"
        f"print(make_root({other}, state=Path({str(state)!r}), isolation=Isolation.{isolation.name}))"
    )


def test_it_is_made_once_for_the_same_inputs(make: Make, log: Path) -> None:
    events: list[Event] = []
    root = make(include=("b", "a"), listener=events.append)
    assert make(include=("a", "b"), listener=events.append) == root
    assert events == [Step("making a root of plain amd64")]
    assert len(_calls(log)) == 1
    assert "--include=a,apt,b" in _calls(log)[0]
    assert json.loads((root.parent / "root.json").read_text())["suite"] == "plain"


def test_any_other_input_makes_another(make: Make, source: RootSource, log: Path) -> None:
    others = (replace(source, repositories=source.repositories[:1]), replace(source, architecture="arm64"))
    roots = [make(one) for one in (source, *others)]
    roots.append(make(include=("more",)))
    source.keyring.write_bytes(b"another key")
    roots.append(make())
    assert len(set(roots)) == len(_calls(log)) == 5


def test_nothing_of_this_machine_is_in_it(make: Make, log: Path) -> None:
    root = make()
    assert [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()] == ["etc/apt/sources.list"]
    assert (root / "etc/apt/sources.list").read_text() == (
        "deb [arch=amd64] http://127.0.0.1:9/ plain main\ndeb http://127.0.0.1:9/ plain-updates main\n"
    )


def test_two_at_once_make_it_once(make: Make, log: Path) -> None:
    _stand_in(log, "sleep 1")
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda _: make(), range(3)))
    assert len(set(made)) == len(_calls(log)) == 1


def test_a_failure_shows_the_last_words_and_leaves_nothing(make: Make, tmp_path: Path, log: Path) -> None:
    _stand_in(log, "echo E: it went wrong >&2; exit 25")
    with pytest.raises(PackageCacheError, match="cannot make a root of plain amd64") as caught:
        make()
    assert "E: it went wrong" in caught.value.details
    assert _left(tmp_path) == []


def test_a_killed_build_is_removed_by_the_next(
    make: Make, tmp_path: Path, source: RootSource, containment: Isolation, log: Path
) -> None:
    mark = f"9{uuid.uuid4().int % 10**8:08}"
    _stand_in(log, f"echo begun >&2; exec sleep {mark}")
    program = _making("other", source, tmp_path, containment)
    sources = str(Path(package_cache.__file__).parents[1])
    path = f"{log.parent}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with subprocess.Popen([sys.executable, "-c", program], env={"PYTHONPATH": sources, "PATH": path}) as process:
        deadline = time.monotonic() + 30
        while not processes_with(f"sleep {mark}") and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
    assert [name.startswith(".building-") for name in _left(tmp_path)] == [True]
    while processes_with(f"sleep {mark}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_with(f"sleep {mark}") == []
    _stand_in(log, "")
    root = make()
    assert _left(tmp_path) == [root.parent.name]


AS_0_8 = """mkdir "$root/sys"; mount -t sysfs -o ro,nosuid,nodev,noexec sys "$root/sys" || exit 25
umount "$root/sys"
"""
"""What mmdebstrap 0.8 does in each chroot, and ends if it is refused."""


def test_it_is_made_where_sysfs_cannot_be_mounted(make: Make, log: Path) -> None:
    needs_containment()
    _stand_in(log, AS_0_8)
    root = make(isolation=Isolation.CONTAINER)
    assert sorted(path.name for path in root.parent.iterdir()) == ["root", "root.json"]


AS_MAKEDEV = """for word; do case $word in --extract-hook=*) sh -c "${word#*=}" exec "$root" ;; esac; done
[ -c "$root/dev/.devfsd" ] || grep -q container=lxc "$root/proc/1/environ" || mknod "$root/dev/mem" c 1 1 || exit 25
"""
"""What mmdebstrap does with hooks, and the postinst of makedev in Ubuntu 16.04 after them."""


def test_it_is_made_where_no_device_can_be_made_or_mounted(tmp_path: Path, source: RootSource, log: Path) -> None:
    needs(Isolation.CHROOT)
    _stand_in(log, AS_MAKEDEV)
    confined = ["setpriv", "--bounding-set", "-mknod,-sys_admin", "--inh-caps", "-mknod,-sys_admin"]
    python = [*python_of_everybody(confined), "-c", _making("plain", source, tmp_path, Isolation.CHROOT)]
    path = f"{log.parent}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(python, capture_output=True, text=True, check=False, env={"PATH": path})
    assert done.returncode == 0, done.stderr
    root = Path(done.stdout.strip())
    assert sorted(path.name for path in root.iterdir()) == ["dev", "etc", "proc"]
    assert [*(root / "dev").iterdir(), *(root / "proc").iterdir()] == []


def _needs_mmdebstrap() -> None:
    if shutil.which("mmdebstrap") is None:
        pytest.skip("needs mmdebstrap: apt-get install mmdebstrap")


@pytest.mark.usefixtures("without_pauses")
def test_an_archive_that_does_not_answer_is_named(make: Make, tmp_path: Path) -> None:
    _needs_mmdebstrap()
    with pytest.raises(ArchiveError, match="an archive did not answer") as caught:
        make()
    assert "http://127.0.0.1:9/" in caught.value.details
    assert _left(tmp_path) == []


@pytest.mark.parametrize("fault", ["another key", "expired"])
def test_an_archive_that_the_keyring_does_not_vouch_for(tmp_path: Path, containment: Isolation, fault: str) -> None:
    _needs_mmdebstrap()
    archive = SignedArchive(tmp_path / "archive")
    archive.add(make_deb(tmp_path, "tiny"))
    archive.publish()
    if fault == "expired":
        archive.publish_expired()
    keyring = archive.other_keyring if fault == "another key" else archive.keyring
    with ArchiveServer(tmp_path / "archive") as server:
        line = f"deb {server.uri} stable main"
        with pytest.raises(VerificationError, match="signature is not valid"):
            make_root(RootSource("stable", "amd64", (line,), keyring), state=tmp_path, isolation=containment)
    assert _left(tmp_path) == []


def test_a_missing_mmdebstrap(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in ("/usr/sbin", "/usr/bin"):
        for tool in Path(folder).iterdir():
            if tool.name != "mmdebstrap" and not (tools / tool.name).is_symlink():
                (tools / tool.name).symlink_to(tool)
    monkeypatch.setattr("package_cache.process.os.get_exec_path", lambda: [str(tools)])
    if shutil.which("mmdebstrap", path="/usr/sbin:/sbin:/usr/lib/apt"):
        pytest.skip("mmdebstrap lies in a folder for administrators")
    with pytest.raises(ToolMissingError, match="cannot find the program mmdebstrap") as caught:
        make()
    assert "apt-get install --no-install-recommends mmdebstrap" in (caught.value.hint or "")
    assert _left(tmp_path) == []
