"""What the command prints of itself and of wrong usage, and output that is closed, full or of another encoding.

From its first moment to its last, the command ends on a signal as the table of statuses says.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND
from tests.support.world import World, printed, refused

ERRORS = ["gc", "sbom", "report", "list", "check --root /", "diff a b", "gc --wrong", "outdated"]


def run(line: str, redirected: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    argv = ["bash", "-c", f'set -o pipefail; "$@" {line} {redirected}', "bash", *COMMAND]
    env = {**os.environ, **env}
    return subprocess.run(
        argv, cwd=folder, env=env, capture_output=True, encoding="utf-8", errors="replace", check=False
    )


@pytest.mark.parametrize("redirected", ["| true", ">/dev/full", ">&-", "2>&-", "2>/dev/full", ">&- 2>&-"])
@pytest.mark.parametrize("line", ["list --json", "check --root / --json", "--help"])
def test_standard_output_that_cannot_be_written(line: str, redirected: str, tmp_path: Path) -> None:
    done = run(line, redirected, tmp_path)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode in (0, 1, 30, 41)
    if redirected == ">/dev/full":
        assert (done.returncode, "No space left on device" in done.stderr) == (41, True)


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_as_data_is_always_data(line: str, tmp_path: Path) -> None:
    done = run(f"{line} --json", "", tmp_path, NO_COLOR="1")
    assert json.loads(done.stdout)["status"] == done.returncode != 0


def test_characters_that_a_locale_does_not_have(tmp_path: Path) -> None:
    signs = os.fsdecode(b"\xff") + "→é🙂"  # escaped in three ways, of which JSON knows one
    name = tmp_path / f"{signs}.lock"
    name.write_text('format = 1\nmanifest = "m"\nmanifest-digest = "sha256:x"\n')
    for encoding in ("ascii", "latin-1", "utf-8"):
        plain = run("diff *.lock *.lock", "", tmp_path, PYTHONIOENCODING=encoding)
        assert (plain.returncode, "no difference" in plain.stdout) == (0, True), plain.stderr
        data = run("diff *.lock *.lock --json", "", tmp_path, PYTHONIOENCODING=encoding)
        assert json.loads(data.stdout)["result"]["before"]["path"] == str(name)


RUN = """
import os, signal, tempfile, time
from package_cache.cli import entry, main
from package_cache.filesystem import temporary
{}
main.run = run
entry.main()
"""
LATE = {
    "in a destructor": """
class Late:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
def run(words):
    Late()
    time.sleep(2)
    return 0
""",
    "while a class is made": """
class Late:
    def __set_name__(self, owner, name):
        signal.raise_signal(signal.SIGINT)
def run(words):
    class Made:
        late = Late()
""",
    "while a temporary folder is removed": """
def run(words):
    def interrupted(*words, **more):
        temporary.shutil.rmtree = right
        signal.raise_signal(signal.SIGINT)
    right, temporary.shutil.rmtree = temporary.shutil.rmtree, interrupted
    with temporary.temporary_folder() as folder:
        print(folder)
""",
}


@pytest.mark.parametrize("when", LATE)
def test_a_signal_that_comes_late_is_one(when: str) -> None:
    argv = [sys.executable, "-c", RUN.format(LATE[when])]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted: run the command again\n")
    assert not done.stdout or not Path(done.stdout.strip()).exists()


VERBS = (
    "lock", "build", "check", "image", "stage", "install", "list", "show", "verify", "diff", "outdated", "gc", "sbom",
    "provenance", "report",
)  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(world: World, verb: str) -> None:
    printed(world.run(verb, "--help"), 0, "Examples:\n", f"package-cache {verb}", "--json")


def test_wrong_usage_exits_with_2(world: World) -> None:
    refused(world.run("stage", "ssh"), 2, "--to")
    assert world.run("build", "--mirror", "nonsense")[0] == 2
