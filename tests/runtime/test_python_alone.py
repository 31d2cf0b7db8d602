"""The init phase needs Python, PyYAML and this library's sources: none of what preparing a cache takes."""

import sys
from pathlib import Path

import pytest
from tests.runtime.phase import REPOSITORY
from tests.runtime.pod import Pod, entry, job_of
from tests.runtime.test_init_scripts import KEY

from package_cache.process import run

BLOCK = """\
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Block())
"""
LIBRARIES = ["click", "rich", "debian", "zstandard", "tomli_w"]


def blocking(folder: Path, names: list[str]) -> dict[str, str]:
    """Return the environment of a Python, and all that it starts, which cannot import these."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BLOCK.format(names=set(names)))
    return {"PYTHONPATH": f"{site}:{REPOSITORY / 'src'}"}


def test_the_libraries_are_blocked(tmp_path: Path) -> None:
    variables = blocking(tmp_path, LIBRARIES)
    for name in LIBRARIES:
        done = run([sys.executable, "-c", f"import {name}"], env=variables, check=False)
        assert f"blocked: {name}" in done.stderr


def test_all_plugins_without_them(pod: Pod) -> None:
    """The cache is an empty folder, so that staging begins, and all of its imports are made."""
    (pod.folder / "no cache").mkdir()
    entries = [
        entry("ssh", parameters={"public-key": KEY}),
        entry("nfs"),
        entry("cmd", parameters={"callbacks": [{"event": "taskStarts", "commands": ["true"]}]}),
    ]
    done = pod.init(job_of(["true"], *entries), **blocking(pod.folder, LIBRARIES))
    assert done.returncode == 0, done.stderr
    assert "cannot stage group ssh" in done.stderr
    assert "blocked" not in done.stderr
    assert "Traceback" not in done.stderr
    assert pod.tree()["plan"] == "1 fail ssh\n2 fail nfs\n3 fail cmd\n"


@pytest.mark.parametrize(("missing", "named"), [("yaml", "yaml"), ("package_cache", "package_cache")])
def test_what_is_needed_and_missing_is_named(missing: str, named: str, pod: Pod) -> None:
    done = pod.init(job_of(), **blocking(pod.folder, [missing]))
    assert done.returncode == 8
    assert done.stderr.startswith(f"runtime: cannot import {named}: ")
    assert len(done.stderr.splitlines()) == 1
