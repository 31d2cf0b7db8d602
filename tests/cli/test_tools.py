"""Tools that are missing: all that a verb needs are named at once, with one command, before it does anything."""

import re
import shutil
from pathlib import Path

import pytest
from tests.check.layouts import write_root
from tests.support.world import World

from package_cache.manifest import read_manifest

GROUP = "edit,ubuntu18.04,editor\n"
PRECOMMANDS = "edit,ubuntu18.04,editor,echo so\n"


@pytest.fixture
def lack(monkeypatch: pytest.MonkeyPatch, world: World) -> World:
    """A machine without these tools: what this one has of them is not found."""
    gone = ("mmdebstrap", "runc", "skopeo", "gpgv", "apt-helper")
    which = shutil.which

    def found(name: str, *words: object, path: str | None = None) -> str | None:
        return None if name in gone else which(name, path=path)

    world.built(GROUP)
    write_root(world.folder / "root")
    monkeypatch.setattr("package_cache.process.shutil.which", found)
    return world


@pytest.mark.parametrize(
    ("manifest", "words", "tools", "packages"),
    [
        (GROUP, "lock", "apt-helper, gpgv", "apt gpgv"),
        (PRECOMMANDS, "lock", "apt-helper, gpgv, mmdebstrap, runc", "apt gpgv mmdebstrap runc"),
        (
            PRECOMMANDS, "lock --for docker://localhost:1/job",
            "apt-helper, gpgv, mmdebstrap, runc, skopeo", "apt gpgv mmdebstrap runc skopeo",
        ),
        (PRECOMMANDS, "build --output OUT", "apt-helper, gpgv, mmdebstrap, runc", "apt gpgv mmdebstrap runc"),
        (GROUP, "outdated", "apt-helper, gpgv", "apt gpgv"),
        ("", "image --output oci:OUT", "the program skopeo", "skopeo"),
        ("", "image --output oci:OUT --form init", "skopeo, apt-helper, gpgv", "skopeo apt gpgv"),
        ("", "check --image docker://localhost:1/job", "the program skopeo", "skopeo"),
        ("", "check --image docker://localhost:1/job --run", "skopeo, runc", "skopeo runc"),
        ("", "check --root ROOT --run", "the program runc", "runc"),
    ],
)  # fmt: skip
def test_tools_of_a_verb(manifest: str, words: str, tools: str, packages: str, lack: World) -> None:
    line = words.replace("OUT", str(lack.folder / "out")).replace("ROOT", str(lack.folder / "root")).split()
    if manifest:
        read, lock = read_manifest(lack.manifest(manifest)), lack.folder / "package-cache.lock"
        lock.write_text(re.sub('(manifest-digest = )".*"', rf'\1"{read.digest}"', lock.read_text()))
        if line[0] == "build":
            lock.unlink()
        done = lack.online(*line)
    else:
        done = lack.run(*line, "--cache", str(lack.cache), "--state", str(lack.folder / "state"))
    hint = f"install what is missing: apt-get install --no-install-recommends {packages}"
    assert done == (8, "", f"error: cannot find {tools}\nhint: {hint}\n")
    assert not Path(lack.folder / "out").exists()
