"""A machine that cannot run the programs of an architecture says so, and what would help."""

from pathlib import Path

import pytest
from tests.support.architectures import OTHER, OWN

from package_cache.errors import PackageCacheError, ToolMissingError
from package_cache.sandbox.isolation import Isolation, isolation_for

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


@pytest.mark.usefixtures("without_emulators")
def test_without_an_emulator_it_says_what_to_install() -> None:
    with pytest.raises(ToolMissingError) as caught:
        isolation_for(OTHER)
    assert (caught.value.message, caught.value.hint) == (
        f"cannot run programs of {OTHER} on this machine, which is of {OWN}: it has no emulator of them",
        INSTALL,
    )


def test_an_emulator_that_does_not_work(without_emulators: Path) -> None:
    for name in ("aarch64", "x86_64"):
        (without_emulators / f"qemu-{name}-static").symlink_to("/bin/false")
    with pytest.raises(PackageCacheError) as caught:
        isolation_for(OTHER)
    assert (caught.value.message, caught.value.hint) == (
        f"cannot run programs of {OTHER} on this machine, which is of {OWN}: neither itself nor by emulation",
        INSTALL,
    )
