"""`check --root` of a stranger's root: what its installer sees is copies, and nothing of this machine."""

import os
from pathlib import Path

import pytest
from tests.attacks.swapping import swapped
from tests.check.layouts import write_root
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.cli.main import run


@pytest.fixture
def cache(cache: SyntheticCache, debs: Path) -> SyntheticCache:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")], provides=["/usr/bin/wanted"])
    return cache


READ_BY_CHECK = (
    "etc/os-release", "usr/lib/os-release", "var/lib/dpkg/status", "var/lib/dpkg/arch", "var/lib/dpkg/updates/0001",
    "var/lib/apt/extended_states", "usr/bin/dpkg", "usr/bin/wanted",
)  # fmt: skip


@pytest.mark.parametrize("name", READ_BY_CHECK)
@pytest.mark.parametrize("what", ["link", "pipe", "folder of links"])
def test_check_of_a_root_shows_nothing_of_this_machine(
    what: str, name: str, cache: SyntheticCache, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root, host = write_root(tmp_path / "root"), tmp_path / "host"
    host.write_text("SECRET: x\n")
    place = root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    if what == "link":
        place.symlink_to(host)
    elif what == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
        (place / "0001").symlink_to(host)
    status = run(["check", "tools", "--cache", str(cache.path), "--root", str(root)])
    out, err = capfd.readouterr()
    assert "SECRET" not in out + err
    assert "Traceback" not in out + err
    assert status in (0, 2, 11, 13, 21, 22)


def test_check_of_a_root_that_changes_meanwhile(
    cache: SyntheticCache, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root, host = write_root(tmp_path / "root"), tmp_path / "host"
    host.mkdir()
    (host / "status").write_text("SECRET: x\n")
    (root / "var/lib/x").symlink_to(host)
    with swapped(root / "var/lib/x", root / "var/lib/dpkg"):
        for _ in range(3):
            run(["check", "tools", "--cache", str(cache.path), "--root", str(root)])
    out, err = capfd.readouterr()
    assert "SECRET" not in out + err
