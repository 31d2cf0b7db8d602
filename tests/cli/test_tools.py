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
    ("manifest", "words", "missing", "packages"),
    [
        (GROUP, "lock", "apt-helper, gpgv", "apt gpgv"),
        (PRECOMMANDS, "lock", "apt-helper, gpgv, mmdebstrap, runc", "apt gpgv mmdebstrap runc"),
        (
            PRECOMMANDS, "lock --for docker://localhost:1/job",
            "apt-helper, gpgv, mmdebstrap, runc, skopeo", "apt gpgv mmdebstrap runc skopeo",
        ),
        (PRECOMMANDS, "build --output OUT", "apt-helper, gpgv, mmdebstrap, runc", "apt gpgv mmdebstrap runc"),
        (GROUP, "outdated", "apt-helper, gpgv", "apt gpgv"),
    ],
)  # fmt: skip
def test_tools_of_a_verb_that_reaches_archives(
    manifest: str, words: str, missing: str, packages: str, lack: World
) -> None:
    read = read_manifest(lack.manifest(manifest))
    lock = lack.folder / "package-cache.lock"
    lock.write_text(re.sub('(manifest-digest = )".*"', rf'\1"{read.digest}"', lock.read_text()))
    if words.startswith("build"):
        lock.unlink()
    status, out, err = lack.online(*words.replace("OUT", str(lack.folder / "out")).split())
    install = f"install what is missing: apt-get install --no-install-recommends {packages}"
    assert (status, out, err) == (8, "", f"error: cannot find {missing}\nhint: {install}\n")


@pytest.mark.parametrize(
    ("words", "missing", "packages"),
    [
        ("image --output oci:OUT", "the program skopeo", "skopeo"),
        ("image --output oci:OUT --form init", "skopeo, apt-helper, gpgv", "skopeo apt gpgv"),
        ("check --image docker://localhost:1/job", "the program skopeo", "skopeo"),
        ("check --image docker://localhost:1/job --run", "skopeo, runc", "skopeo runc"),
        ("check --root ROOT --run", "the program runc", "runc"),
    ],
)
def test_tools_of_a_verb_that_reads_a_cache(words: str, missing: str, packages: str, lack: World) -> None:
    line = words.replace("OUT", str(lack.folder / "out")).replace("ROOT", str(lack.folder / "root"))
    status, out, err = lack.run(*line.split(), "--cache", str(lack.cache), "--state", str(lack.folder / "state"))
    install = f"install what is missing: apt-get install --no-install-recommends {packages}"
    assert (status, out, err) == (8, "", f"error: cannot find {missing}\nhint: {install}\n")
    assert not Path(lack.folder / "out").exists()
