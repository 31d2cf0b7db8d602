"""Manifests of strangers, as of a pull request: paths, references and words that are none end in an error of ours."""

import json
from pathlib import Path

import pytest

from package_cache.cli.main import run

VALUES = {
    "NUL": "a\0b", "a sign of a terminal": "\x1b[2J", "5,000 characters": "a" * 5000, "a folder": "/tmp",
    "a line end": "a\nb", "far up": "../" * 2000, "a change of direction": "\u202ea", "an option": "--help",
    "nothing": "",
}  # fmt: skip
GROUP = '[[group]]\nname = "tools"\nsystems = ["ubuntu18.04"]\npackages = ["editor"]\n'
PLACES = {
    "a root": "[[image]]\nname = 'i'\nroot = {0}\n",
    "a status file": "[[image]]\nname = 'i'\nstatus = {0}\nsystem = 'ubuntu18.04'\n",
    "a reference": "[[image]]\nname = 'i'\nreference = {0}\n",
    "a layout": "[[image]]\nname = 'i'\nreference = {oci:}\n",
    "an archive": "[[image]]\nname = 'i'\nreference = {oci-archive:}\n",
    "a registry": "[[image]]\nname = 'i'\nreference = {docker://}\n",
    "the name of an image": "[[image]]\nname = {0}\nroot = '/nowhere'\n",
    "a system": "[[image]]\nname = 'i'\nstatus = '/etc/hostname'\nsystem = {0}\n",
    "an architecture": "[[image]]\nname = 'i'\nreference = 'oci:x'\narchitecture = {0}\n",
    "a repository": "[[repository]]\nname = 'r'\nuri = {0}\nsuite = {0}\ncomponents = [{0}]\nkey = {0}\n",
    "a mirror": "[mirrors]\nubuntu = {0}\n",
    "a pin": "[[pin]]\npackage = {0}\nversion = {0}\n",
    "a provided file": "[[group]]\nname = 'g'\nsystems = ['ubuntu18.04']\npackages = ['x']\nprovides = [{0}]\nx = 1\n",
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("place", PLACES)
def test_a_word_that_is_none(place: str, value: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = PLACES[place]
    for prefix in ("oci:", "oci-archive:", "docker://"):
        text = text.replace(f"{{{prefix}}}", json.dumps(prefix + VALUES[value]))
    path = tmp_path / "package-cache.toml"
    path.write_text(GROUP + text.replace("{0}", json.dumps(VALUES[value])))
    (tmp_path / "cache/groups/tools-ubuntu18.04").mkdir(parents=True)
    status = run(["check", "--manifest", str(path), "--cache", str(tmp_path / "cache")])
    out, err = capfd.readouterr()
    assert status != 0
    assert [sign for sign in out + err if not sign.isprintable() and sign != "\n"] == []
    assert "Traceback" not in err
    assert "report this" not in out + err
