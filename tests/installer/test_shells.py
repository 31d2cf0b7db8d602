"""The script runs in each shell of the field, with what slim images have."""

import shutil
from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.process import find_tool


@pytest.mark.parametrize("shell", ["dash", "bash", "bash --posix", "busybox sh"])
def test_a_shell(shell: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom, tmp_path: Path) -> None:
    shutil.copy(find_tool("busybox"), tmp_path / "busybox")
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="needed"), make_deb(debs, "needed")])
    room = open_room(cache, binds={"/usr/bin/busybox": tmp_path / "busybox"})
    assert room.install("nothing", shell=shell.split()).status == 10
    done = room.install("tools", shell=shell.split())
    assert (done.status, done.err, len(done.out.splitlines())) == (0, "", 2)
    assert room.install("tools", shell=shell.split()).out == "package-cache: tools: already there, nothing to do\n"


def test_without_the_tools_that_slim_images_lack(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    room.sh(
        "for tool in awk mawk perl python3 xz bash flock gpg gpgv sed grep; do rm -f /usr/bin/$tool /bin/$tool; done"
    )
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")


def test_a_reader_that_went_away(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    script = "{ sh /cache/install_group.sh tools 2>/var/said; echo $? >/var/status; } | true; cat /var/status /var/said"
    assert room.sh(script) == "0\n"
    assert room.sh("dpkg -r wanted >&2; sh /cache/install_group.sh tools >&-; echo $?") == "0\n"


def test_inside_a_script_that_stops_at_errors(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    assert (
        room.container.run(["sh", "-eux", "/cache/install_group.sh", "tools"], timeout=60, check=False).returncode == 0
    )
