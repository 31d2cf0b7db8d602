"""Roots are made once, whole or not at all. (That real releases come out of it: the system tests.)

Where it is about keeping and cleaning up, a small script stands for mmdebstrap; apt's errors come from the real one.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
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
from package_cache.sandbox import bootstrap as releases
from package_cache.sandbox.bootstrap import RootSource, make_root
from package_cache.sandbox.isolation import Isolation, strongest_isolation

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
    lines = (
        "deb [arch=amd64] http://127.0.0.1:9/ plain main",
        "deb http://127.0.0.1:9/ plain-updates main",
    )
    return RootSource("plain", "amd64", lines, keyring)


@pytest.fixture
def isolation() -> Isolation:
    return strongest_isolation()


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


def test_it_is_made_once_for_the_same_inputs(
    tmp_path: Path, source: RootSource, isolation: Isolation, log: Path
) -> None:
    events: list[Event] = []
    root = make_root(source, state=tmp_path, isolation=isolation, include=("b", "a"), listener=events.append)
    assert make_root(source, state=tmp_path, isolation=isolation, include=("a", "b"), listener=events.append) == root
    assert events == [Step("making a root of plain amd64")]
    assert len(_calls(log)) == 1
    assert "--include=a,apt,b" in _calls(log)[0]
    assert json.loads((root.parent / "root.json").read_text())["suite"] == "plain"


def test_any_other_input_makes_another(tmp_path: Path, source: RootSource, isolation: Isolation, log: Path) -> None:
    roots = [make_root(source, state=tmp_path, isolation=isolation)]
    roots.append(make_root(source, state=tmp_path, isolation=isolation, include=("more",)))
    plain = replace(source, repositories=source.repositories[:1])
    roots.append(make_root(plain, state=tmp_path, isolation=isolation))
    roots.append(make_root(replace(source, architecture="arm64"), state=tmp_path, isolation=isolation))
    source.keyring.write_bytes(b"another key")
    roots.append(make_root(source, state=tmp_path, isolation=isolation))
    assert len(set(roots)) == len(_calls(log)) == 5


def test_nothing_of_this_machine_is_in_it(tmp_path: Path, source: RootSource, isolation: Isolation, log: Path) -> None:
    root = make_root(source, state=tmp_path, isolation=isolation)
    assert [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()] == ["etc/apt/sources.list"]
    assert (root / "etc/apt/sources.list").read_text() == (
        "deb [arch=amd64] http://127.0.0.1:9/ plain main\ndeb http://127.0.0.1:9/ plain-updates main\n"
    )


def test_two_at_once_make_it_once(tmp_path: Path, source: RootSource, isolation: Isolation, log: Path) -> None:
    _stand_in(log, "sleep 1")
    made: list[Path] = []
    threads = [
        threading.Thread(target=lambda: made.append(make_root(source, state=tmp_path, isolation=isolation)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert len(set(made)) == len(_calls(log)) == 1


def test_a_failure_shows_the_last_words_and_leaves_nothing(
    tmp_path: Path, source: RootSource, isolation: Isolation, log: Path
) -> None:
    _stand_in(log, "echo E: it went wrong >&2; exit 25")
    with pytest.raises(PackageCacheError, match="cannot make a root of plain amd64") as caught:
        make_root(source, state=tmp_path, isolation=isolation)
    assert "E: it went wrong" in caught.value.details
    assert _left(tmp_path) == []


def test_a_killed_build_is_removed_by_the_next(
    tmp_path: Path, source: RootSource, isolation: Isolation, log: Path
) -> None:
    mark = f"9{uuid.uuid4().int % 10**8:08}"
    _stand_in(log, f"echo begun >&2; exec sleep {mark}")
    lines = ("deb http://127.0.0.1:9/ other main",)
    program = (
        "import sys; from pathlib import Path; from package_cache.sandbox.isolation import *;"
        "from package_cache.sandbox.bootstrap import *;"
        f"make_root(RootSource('other', 'amd64', {lines!r}, Path({str(source.keyring)!r})),"
        f" state=Path({str(tmp_path)!r}), isolation=Isolation.{isolation.name})"
    )
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
    root = make_root(source, state=tmp_path, isolation=isolation)
    assert _left(tmp_path) == [root.parent.name]


AS_0_8 = """mkdir "$root/sys"; mount -t sysfs -o ro,nosuid,nodev,noexec sys "$root/sys" || exit 25
umount "$root/sys"
"""
"""What mmdebstrap 0.8 does in each chroot, and ends if it is refused."""


def test_it_is_made_where_sysfs_cannot_be_mounted(tmp_path: Path, source: RootSource, log: Path) -> None:
    needs_containment()
    _stand_in(log, AS_0_8)
    root = make_root(source, state=tmp_path, isolation=Isolation.CONTAINER)
    assert sorted(path.name for path in root.parent.iterdir()) == ["root", "root.json"]


AS_MAKEDEV = """for word; do case $word in --extract-hook=*) sh -c "${word#*=}" exec "$root" ;; esac; done
[ -c "$root/dev/.devfsd" ] || grep -q container=lxc "$root/proc/1/environ" || mknod "$root/dev/mem" c 1 1 || exit 25
"""
"""What mmdebstrap does with hooks, and the postinst of makedev in Ubuntu 16.04 after them."""


def test_it_is_made_where_no_device_can_be_made_or_mounted(tmp_path: Path, source: RootSource, log: Path) -> None:
    needs(Isolation.CHROOT)
    _stand_in(log, AS_MAKEDEV)
    program = (
        "import sys; from pathlib import Path; from package_cache.sandbox.isolation import *;"
        "from package_cache.sandbox.bootstrap import *;"
        f"print(make_root(RootSource('plain', 'amd64', ('deb http://127.0.0.1:9/ plain main',),"
        f" Path({str(source.keyring)!r})), state=Path({str(tmp_path)!r}), isolation=Isolation.CHROOT))"
    )
    confined = ["setpriv", "--bounding-set", "-mknod,-sys_admin", "--inh-caps", "-mknod,-sys_admin"]
    python = [*python_of_everybody(confined), "-c", program]
    path = f"{log.parent}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(python, capture_output=True, text=True, check=False, env={"PATH": path})
    assert done.returncode == 0, done.stderr
    root = Path(done.stdout.strip())
    assert sorted(path.name for path in root.iterdir()) == ["dev", "etc", "proc"]
    assert [*(root / "dev").iterdir(), *(root / "proc").iterdir()] == []


def _needs_mmdebstrap() -> None:
    if shutil.which("mmdebstrap") is None:
        pytest.skip("needs mmdebstrap: apt-get install mmdebstrap")


def test_an_archive_that_does_not_answer_is_named(
    tmp_path: Path, source: RootSource, isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _needs_mmdebstrap()
    without_pauses = (*releases._APT_OPTIONS, 'Acquire::Retries::Delay "false"')  # as many tries as ever
    monkeypatch.setattr(releases, "_APT_OPTIONS", without_pauses)
    with pytest.raises(ArchiveError, match="an archive did not answer") as caught:
        make_root(source, state=tmp_path, isolation=isolation)
    assert "http://127.0.0.1:9/" in caught.value.details
    assert _left(tmp_path) == []


@pytest.mark.parametrize("fault", ["another key", "expired"])
def test_an_archive_that_the_keyring_does_not_vouch_for(tmp_path: Path, isolation: Isolation, fault: str) -> None:
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
            make_root(RootSource("stable", "amd64", (line,), keyring), state=tmp_path, isolation=isolation)
    assert _left(tmp_path) == []


def test_a_missing_mmdebstrap_is_named_with_its_package(
    tmp_path: Path, source: RootSource, isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        make_root(source, state=tmp_path, isolation=isolation)
    assert "apt-get install --no-install-recommends mmdebstrap" in (caught.value.hint or "")
    assert _left(tmp_path) == []
