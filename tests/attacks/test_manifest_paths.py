"""A manifest of a pull request names files of the machine that reads it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.check.layouts import base, package
from tests.installer.synthetic import SyntheticCache

from package_cache.cli.main import run

GROUPS = """\
[[group]]
name = "tools"
systems = ["ubuntu18.04"]
packages = ["wanted"]
"""
TOKEN = "TOKEN-0123456789"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def say(
    cache: SyntheticCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Check the images of a manifest; beside its folder lies a file with a token, and a right status."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "status").write_text(str(base(package("wanted"))["var/lib/dpkg/status"]))
    (tmp_path / "project/below").mkdir(parents=True)

    def checked(text: str, *more: str, name: str = "m.toml") -> tuple[int, str]:
        place = tmp_path / "project" / name
        if text:
            place.write_text(GROUPS + text.replace("TMP", str(tmp_path)))
        capfd.readouterr()
        status = run(["check", "--cache", str(cache.path), "--manifest", f"project/{name}", *more])
        return status, "".join(capfd.readouterr())

    return checked


def image(field: str, path: str) -> str:
    system = 'system = "ubuntu18.04"\n' if field == "status" else ""
    return f'[[image]]\nname = "job"\n{field} = "{path}"\n{system}'


def key(path: str) -> str:
    return f'[[repository]]\nname = "r"\nuris = ["https://host/x"]\nsuite = "x/"\nkey = "{path}"\n'


OUTSIDE = {
    "a status, absolute": image("status", "TMP/token"),
    "a status, up": image("status", "../token"),
    "a status, up from a folder": image("status", "below/../../token"),
    "a status by a link": image("status", "link"),
    "a status by a link to a link": image("status", "links"),
    "a status by a linked folder": image("status", "folder/token"),
    "a status of proc": image("status", "/proc/self/environ"),
    "a status of a device": image("status", "/dev/zero"),
    "a root, absolute": image("root", "TMP"),
    "a root, up": image("root", ".."),
    "the root": image("root", "/"),
    "a root by a link": image("root", "folder"),
    "a layout, absolute": image("reference", "oci:TMP/layout"),
    "a layout, up": image("reference", "oci:../layout:tag"),
    "a layout by a link": image("reference", "oci:folder/layout"),
    "an archive, up": image("reference", "oci-archive:../token"),
    "an archive of a device": image("reference", "oci-archive:/dev/zero"),
    "a key, absolute": key("TMP/token"),
    "a key, up": key("../token"),
    "a key by a link": key("link"),
    "a key of proc": key("/proc/self/environ"),
}


@pytest.mark.parametrize("attack", OUTSIDE)
def test_a_path_that_leads_out_of_the_manifests_folder_is_refused(attack: str, say: Run, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "link").symlink_to("../token")
    (project / "links").symlink_to("link")
    (project / "folder").symlink_to(tmp_path)
    status, said = say(OUTSIDE[attack])
    assert status == 3
    assert "leads out of the manifest's folder" in said
    assert "--allow-outside" in said
    assert TOKEN not in said


def test_it_is_allowed_where_the_user_says_so(say: Run) -> None:
    images = image("status", "../status") + image("status", "TMP/status").replace('"job"', '"two"')
    status, said = say(images, "--allow-outside")
    assert status == 0, said


def test_links_below_the_folder_are_followed(say: Run, tmp_path: Path) -> None:
    """As in a ConfigMap, whose files are links to ..data, itself a link to the folder of the last change."""
    project = tmp_path / "project"
    (tmp_path / "status").rename(project / "below/status")
    (project / "..data").symlink_to("below")
    (project / "status").symlink_to("..data/status")
    status, said = say(image("status", "status"))
    assert status == 0, said


@pytest.mark.parametrize("name", ["m.toml", "package_cache_info"])
@pytest.mark.parametrize("goal", ["../token", "TMP/token", "/proc/self/environ"])
def test_a_manifest_that_is_a_link_to_another_file(goal: str, name: str, say: Run, tmp_path: Path) -> None:
    (tmp_path / "project" / name).symlink_to(goal.replace("TMP", str(tmp_path)))
    status, said = say("", name=name)
    assert status == 3
    assert "leads out of its folder" in said or "Too many levels" in said
    assert TOKEN not in said


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_manifest_that_is_no_file(make: Callable[[Path], None], say: Run, tmp_path: Path) -> None:
    make(tmp_path / "project/m.toml")
    status, said = say("")
    assert (status, "Traceback" in said) == (3, False)


ODD = {
    "no field": f"{TOKEN}\n",
    "a token as a field": f"Package: x\n{TOKEN}\n",
    "a token as a name": f"Package: {TOKEN}!\nStatus: install ok installed\n",
    "a token as a state": f"Package: x\nStatus: {TOKEN}\n",
    "a token as a version": f"Package: x\nStatus: install ok installed\nArchitecture: amd64\nVersion: {TOKEN}!\n",
    "a token as an architecture": f"Package: dpkg\nStatus: install ok installed\nArchitecture: {TOKEN}\nVersion: 1\n",
    "a token as a relation": f"Package: x\nStatus: install ok installed\nVersion: 1\nDepends: {TOKEN} !\n",
}


@pytest.mark.parametrize("attack", ODD)
def test_no_content_of_a_status_stands_in_an_error(attack: str, say: Run, tmp_path: Path) -> None:
    (tmp_path / "project/status").write_text(ODD[attack])
    _, said = say(image("status", "status") + 'architecture = "amd64"\n')
    assert TOKEN.lower() not in said.lower()


@pytest.mark.parametrize("name", ["key", "m.toml"])
def test_no_content_of_a_key_stands_in_an_error(name: str, say: Run, tmp_path: Path) -> None:
    (tmp_path / "project/key").write_text(f"-----BEGIN {TOKEN}-----\n{TOKEN}\n")
    status, said = say(key(name))
    assert (status, TOKEN in said) == (3, False)
