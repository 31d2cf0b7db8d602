"""By which method a group would be installed: what `check` makes of the installer's answer and of recordings.json."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.check.conftest import Command
from tests.check.layouts import HandMade, base
from tests.installer.synthetic import SyntheticCache
from tests.support.recordings import plain_recording

from package_cache.cache.layout import RECORDINGS, group_folder
from package_cache.cache.recording_list import Recording, recordings_text

INSTALLER = """
while [ $# -gt 0 ]; do [ "$1" != --result ] || result=$2; shift; done
printf '%s\\n' status=0 'package=wanted 1.0 all 100 {sha256}' {lines} >"$result"
"""
STATUS = str(base()["var/lib/dpkg/status"]).encode()


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have an installer that answers these lines of a result file."""

    def give(*lines: str) -> None:
        text = INSTALLER.format(sha256="e" * 64, lines=" ".join(f"'{line}'" for line in lines))
        monkeypatch.setattr("package_cache.check.prediction.install_group", lambda: text)

    return give


@pytest.fixture
def recorded(cache: SyntheticCache) -> Callable[..., Recording]:
    """Write recordings.json of the group `tools`, with one recording of the status that is checked."""

    def write(**fields: str) -> Recording:
        recording = plain_recording(status=STATUS, **fields)
        (cache.path / group_folder("tools", "ubuntu18.04") / RECORDINGS).write_text(recordings_text([recording]))
        return recording

    return write


@pytest.fixture
def say(command: Command, tmp_path: Path) -> Callable[..., tuple[str, dict[str, str | None]]]:
    """Check the group, and give the last cell of its row and the result as data."""

    def checked(*words: str) -> tuple[str, dict[str, str | None]]:
        (tmp_path / "status").write_bytes(STATUS)
        words = words or ("--status", str(tmp_path / "status"), "--system", "ubuntu18.04")
        status, out, err = command("tools", *words)
        assert (status, err) == (0, "")
        (group,) = json.loads(command("tools", "--json", *words)[1])["result"]["groups"]
        return next(line for line in out.splitlines() if line.startswith("tools")).split("100 B")[1].strip(), group

    return checked


Say = Callable[..., tuple[str, dict[str, str | None]]]


def told(group: dict[str, str | None]) -> tuple[str | None, ...]:
    return group["method"], group["recording"], group["method_note"]


def test_nothing_is_shown_where_nothing_is_recorded(answer: Callable[..., None], say: Say, command: Command) -> None:
    answer("method=dpkg")
    row, group = say()
    assert (row, told(group)) == ("", ("dpkg", "", ""))
    answer()
    row, group = say()
    assert (row, told(group)) == ("", (None, None, None))


def test_another_container_with_the_recorded_status(
    answer: Callable[..., None], say: Say, recorded: Callable[..., Recording]
) -> None:
    recorded()
    answer("method=replay", "recording=registry/job:1")
    row, group = say()
    assert row == "replay, if the files that its scripts read are the same"
    assert told(group) == ("replay", "registry/job:1", "if the files that its scripts read are the same")


def test_the_recorded_image_itself(
    answer: Callable[..., None], say: Say, recorded: Callable[..., Recording], layout: HandMade
) -> None:
    descriptor = layout.image([base()])
    image = ("--image", layout.name(descriptor))
    answer("method=replay", "recording=registry/job:1")
    recorded(digest="")
    assert say(*image)[0] == "replay, if the files that its scripts read are the same"
    recorded(digest=descriptor["digest"])
    row, group = say(*image)
    assert (row, told(group)) == ("replay", ("replay", "registry/job:1", ""))


def test_why_it_would_be_dpkg(answer: Callable[..., None], say: Say, recorded: Callable[..., Recording]) -> None:
    recorded()
    answer("method=dpkg")
    row, group = say()
    assert (row, told(group)) == ("dpkg: no recording of this image", ("dpkg", "", "no recording of this image"))
    answer("method=dpkg", "replay=there is no GNU tar\x1b[31m of version 1.28 or later here")
    row, group = say()
    assert row == "dpkg: there is no GNU tar\\x1b[31m of version 1.28 or later here"


def test_recordings_of_another_architecture_do_not_count(
    answer: Callable[..., None], say: Say, cache: SyntheticCache
) -> None:
    other = plain_recording(status=STATUS, architecture="arm64")
    file = cache.path / group_folder("tools", "ubuntu18.04") / RECORDINGS
    file.write_text(recordings_text([other]))
    answer("method=dpkg")
    assert say()[0] == ""


@pytest.mark.parametrize("content", ["", "{", '{"recordings": [{"file": "../x"}]}'])
def test_a_damaged_list_says_nothing(
    answer: Callable[..., None], say: Say, cache: SyntheticCache, content: str
) -> None:
    (cache.path / group_folder("tools", "ubuntu18.04") / RECORDINGS).write_text(content)
    answer("method=replay", "recording=registry/job:1")
    assert say()[0] == "replay, if the files that its scripts read are the same"
    answer("method=teleport", "recording=registry/job:1")
    assert say()[0] == ""


def test_a_matrix_has_the_method_in_its_cells(
    answer: Callable[..., None], recorded: Callable[..., Recording], command: Command, tmp_path: Path
) -> None:
    (tmp_path / "status").write_bytes(STATUS)
    manifest = tmp_path / "package-cache.toml"
    manifest.write_text(
        '[[group]]\nname = "tools"\nsystems = ["ubuntu18.04"]\npackages = ["wanted"]\n'
        '[[image]]\nname = "job"\nstatus = "status"\nsystem = "ubuntu18.04"\n'
    )
    answer("method=dpkg")
    assert command("--manifest", str(manifest))[1].splitlines()[-1].split() == ["job", "ubuntu18.04", "amd64", "hit"]
    recorded()
    for method in ("replay", "dpkg"):
        answer(f"method={method}")
        assert command("--manifest", str(manifest))[1].splitlines()[-1].endswith(f"   hit by {method}")
