"""A machine that cannot run the programs of an architecture says so, and what would help."""

import subprocess
from pathlib import Path

import pytest

from package_cache.outside.roots.isolation import Isolation, isolation_for
from package_cache.values.errors import PackageCacheError, ToolMissingError

HOST = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
OTHER = "amd64" if HOST == "arm64" else "arm64"


def test_this_machines_own_architecture_needs_no_emulation(isolation: Isolation) -> None:
    assert isolation_for(HOST) is isolation


def test_an_architecture_that_nobody_emulates_is_refused() -> None:
    with pytest.raises(PackageCacheError) as caught:
        isolation_for("s390x")
    assert (caught.value.message, caught.value.hint) == (
        f"cannot run programs of s390x on this machine, which is of {HOST}",
        "do it on a machine of s390x: emulated are only amd64 and arm64",
    )


def test_without_an_emulator_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if any(Path("/proc/sys/fs/binfmt_misc").glob("qemu-*")):
        pytest.skip("emulators are registered for this whole machine")
    for folder in ("/usr/bin", "/bin"):
        for tool in Path(folder).iterdir():
            if not tool.name.startswith("qemu-") and not (tmp_path / tool.name).is_symlink():
                (tmp_path / tool.name).symlink_to(tool)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError) as caught:
        isolation_for(OTHER)
    assert (caught.value.message, caught.value.hint) == (
        f"cannot run programs of {OTHER} on this machine, which is of {HOST}: it has no emulator of them",
        "install it: apt-get install --no-install-recommends qemu-user-static (from Ubuntu 26.04 on: qemu-user); "
        "Linux 6.7 lets a namespace of ours use it, an older one needs it registered for the whole machine "
        "(systemd-binfmt.service, or the package binfmt-support)",
    )
