"""The `[[image]]` tables of a manifest: each image with its groups, in one table."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.check.layouts import HandMade, base, package
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.cli.main import run

GROUPS = """\
[[group]]
name = "tools"
systems = ["ubuntu18.04"]
packages = ["wanted"]

[[group]]
name = "fight"
systems = ["ubuntu18.04"]
packages = ["fighter"]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Check the images of a manifest, which stand behind two groups."""
    monkeypatch.chdir(tmp_path)
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("tools", ["wanted"], [make_deb(tmp_path / "debs", "wanted")])
    cache.add("fight", ["fighter"], [make_deb(tmp_path / "debs", "fighter", Conflicts="enemy")])
    layout = HandMade(tmp_path / "layout")
    layout.name(layout.image([base(package("wanted"))]), "v1")
    (tmp_path / "status").write_text(str(base(package("enemy"))["var/lib/dpkg/status"]))

    def checked(images: str, *more: str) -> tuple[int, str, str]:
        (tmp_path / "m.toml").write_text(GROUPS + images)
        capfd.readouterr()
        status = run(["check", "--cache", str(cache.path), "--manifest", "m.toml", *more])
        return status, *capfd.readouterr()

    return checked


IMAGES = """
[[image]]
name = "training"
reference = "oci:layout:v1"

[[image]]
name = "old"
status = "status"
system = "ubuntu18.04"
groups = ["fight"]

[[image]]
name = "lost"
root = "nowhere"
"""


def test_a_table_of_images_and_groups(say: Run, tmp_path: Path) -> None:
    status, out, err = say(IMAGES)
    assert (status, err) == (13, "")
    assert out == (
        "image      system              tools           fight\n"
        "───────────────────────────────────────────────────────────\n"
        "training   ubuntu18.04 amd64   already there   hit\n"
        "old        ubuntu18.04 amd64                   no-plan (13)\n"
        "lost       error (2)\n"
        "\n"
        "old, fight: the packages here and those of the cache cannot be combined\n"
        "    fighter conflicts with enemy: 1.0 is here\n"
        "    next step: lock for this image as well (lock --for), or use the fallback of this image\n"
        "\n"
        f"lost: cannot check {tmp_path}/nowhere: there is no such folder\n"
    )


def test_data_for_programs(say: Run, tmp_path: Path) -> None:
    status, out, _ = say(IMAGES, "--json")
    answer = json.loads(out)
    assert (status, answer["status"], answer["reason"]) == (13, 13, "no-plan")
    training, old, lost = answer["result"]["images"]
    assert [(item["name"], item["prediction"]) for item in training["groups"]] == [
        ("tools", "already there"), ("fight", "hit"),
    ]  # fmt: skip
    assert (training["status"], training["digest"][:7], old["status"], lost["status"]) == (0, "sha256:", 13, 2)
    assert lost["error"]["message"] == f"cannot check {tmp_path}/nowhere: there is no such folder"


def test_all_is_well(say: Run) -> None:
    assert say('\n[[image]]\nname = "training"\nreference = "oci:layout:v1"\n')[0] == 0


def test_all_problems_of_these_tables_at_once(say: Run) -> None:
    status, _, err = say(
        """
[[image]]
name = "Old"
reference = "x"
root = "y"
system = "Ubuntu 18.04"

[[image]]
name = "new"
groups = ["tools", "nothing"]
architecture = "AMD64"

[[image]]
name = "new"
status = "s"
image = "x"
"""
    )
    assert status == 3
    assert err.splitlines()[1::2] == [
        "m.toml:12:1: image[0].name: 'Old' is not a name for an image",
        "m.toml:14:1: image[0].root: it has a reference already",
        "m.toml:15:1: image[0].system: 'Ubuntu 18.04' is not an OS release",
        "m.toml:15:1: image[0].system: only a status needs it: the image says it itself",
        "m.toml:17:1: image[1].reference: nothing says where this image is",
        "m.toml:19:20: image[1].groups[1]: there is no group 'nothing' in this manifest",
        "m.toml:20:1: image[1].architecture: 'AMD64' is not an architecture",
        "m.toml:22:1: image[2].system: is missing",
        "m.toml:23:1: image[2].name: image 'new' is there already, on line 18",
        "m.toml:25:1: image[2].image: the key 'image' is unknown",
    ]


def test_wrong_use(say: Run) -> None:
    status, _, err = say("")
    assert (status, "it has no [[image]] table" in err) == (2, True)
    for words in (["tools"], ["--root", "/"], ["--system", "ubuntu18.04"]):
        status, _, err = say(IMAGES, *words)
        assert (status, "--manifest names the images and groups" in err) == (2, True)
