"""A process that is killed while it holds a disposable root leaves nothing that stays."""

import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from tests.support.busybox import busybox_root, give_to_roots_inside, needs, processes_with, tree
from tests.support.roots import mounts_that_may_be_ours

import package_cache
from package_cache.sandbox.isolation import Isolation, disposable_root

HOLD = """
import sys
from pathlib import Path
from package_cache.sandbox.isolation import Isolation, disposable_root
with disposable_root(Path(sys.argv[1]), Isolation[sys.argv[2]]) as container:
    container.run(["sh", "-c", f"setsid sleep {sys.argv[3]} >/dev/null 2>&1 &"])
    print("held", flush=True)
    sys.stdin.read()
"""


def _hold_and_kill(root: Path, tier: Isolation, mark: str) -> None:
    sources = str(Path(package_cache.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root), tier.name, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": sources, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        deadline = time.monotonic() + 20
        while not processes_with(f"sleep {mark}") and time.monotonic() < deadline:  # it is started, and sleeps soon
            time.sleep(0.01)
        assert len(processes_with(f"sleep {mark}")) == 1
        process.kill()


@pytest.mark.parametrize("tier", [Isolation.CONTAINER, Isolation.EMULATION], ids=lambda tier: tier.name)
def test_the_kernel_ends_all_of_it(tmp_path: Path, tier: Isolation) -> None:
    root = give_to_roots_inside(busybox_root(tmp_path / "root"))
    needs(tier)
    before, mounts = tree(tmp_path), mounts_that_may_be_ours()
    mark = f"9{uuid.uuid4().int % 10**8:08}"
    _hold_and_kill(root, tier, mark)
    deadline = time.monotonic() + 20
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_with(mark) == []
    assert tree(tmp_path) == before
    assert mounts_that_may_be_ours() == mounts


def test_the_next_copy_removes_that_of_a_killed_run_but_none_in_use(tmp_path: Path) -> None:
    root = busybox_root(tmp_path / "root")
    needs(Isolation.CHROOT)
    mark = f"9{uuid.uuid4().int % 10**8:08}"
    with disposable_root(root, Isolation.CHROOT) as in_use:
        _hold_and_kill(root, Isolation.CHROOT, mark)
        assert len(list(tmp_path.glob(".throwaway-*"))) == 2
        with disposable_root(root, Isolation.CHROOT):
            assert processes_with(mark) == []
            assert len(list(tmp_path.glob(".throwaway-*"))) == 2
        assert in_use.run(["cat", "/etc/keep"]).stdout == "as it was\n"
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
