"""Archives whose signed lists say what no honest list says: an error with the package's name, and no lock."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.archive import _Entry
from tests.support.world import World, made_world

FIELDS = {
    "a version that leads out of its folder": {"Version": "1.0_../../x"},
    "a version with a character that no version has": {"Version": "1.0!x"},
    "a version without a number": {"Version": "abc"},
    "a version of 3,000 characters": {"Version": "1." + "0" * 3000 + "!"},
    "a version that is an option": {"Version": "-o1"},
    "a version with a sign of a terminal": {"Version": "1.0\x1b[2J"},
    "an architecture with a slash": {"Architecture": "all", "Package": "evil/x"},
    "a size that is no number": {"Size": "many"},
    "a size that is negative": {"Size": "-5"},
    "a size beyond every file": {"Size": "9" * 30},
    "a size of 6,000 digits": {"Size": "9" * 6000},
    "a size of nothing": {"Size": "0"},
    "a hash that is none": {"SHA256": "x" * 64},
    "a hash that is short": {"SHA256": "ab"},
    "a hash that leads out of its folder": {"SHA256": "../../" + "a" * 58},
    "a path that leads out of the repository": {"Filename": "../../../etc/passwd"},
    "a path that is absolute": {"Filename": "/etc/passwd"},
    "a path with a sign of a terminal": {"Filename": "pool/\x1b[2J.deb"},
    "a path with a change of direction": {"Filename": "pool/\u202e.deb"},
    "a path of 5,000 characters": {"Filename": "pool/" + "x" * 5000 + ".deb"},
    "no path": {"Filename": ""},
    "a dependency with a sign of a terminal": {"Depends": "more\x1b[2J\x9b"},
    "a dependency that is no name": {"Depends": "!!"},
}


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("package_cache.apt.isolated.PAUSES", (0.0,))
    with made_world(tmp_path, capfd) as made:
        yield made


def list_as(world: World, name: str, **fields: str) -> None:
    """List a package whose paragraph has these fields."""
    paragraph = {
        "Package": name, "Version": "1.0", "Architecture": "all", "Filename": f"pool/{name}.deb", "Size": "100",
        "SHA256": "a" * 64, "Description": "x", **fields,
    }  # fmt: skip
    text = "".join(f"{key}: {value}\n" for key, value in paragraph.items() if value)
    world.archive._entries.append(_Entry("bionic", "main", "all", text))
    world.archive.publish()


@pytest.mark.parametrize("which", FIELDS)
def test_a_list_that_no_lock_can_repeat(which: str, world: World) -> None:
    list_as(world, "evil", **FIELDS[which])
    world.manifest("tools,ubuntu18.04,evil\n")
    status, out, err = world.online("lock")
    assert status != 0
    assert err.startswith("error: cannot ")
    assert [character for character in out + err if not character.isprintable() and character != "\n"] == []
    assert not (world.folder / "package-cache.lock").exists()
