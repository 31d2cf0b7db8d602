"""Standard output that is closed, full, or of another encoding: a status of the table, and never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "from package_cache.cli.entry import main; main()"
ERRORS = [
    "gc",
    "sbom",
    "list --json",
    "check --root / --json",
    "diff a b --json",
    "gc --wrong --json",
    "outdated --json",
]


def run(line: str, redirected: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    script = f'set -o pipefail; "$0" -c "$1" {line} {redirected}'
    argv = ["bash", "-c", script, sys.executable, PROGRAM]
    return subprocess.run(
        argv,
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


@pytest.mark.parametrize("redirected", ["| true", ">/dev/full", ">&-", "2>&-", "2>/dev/full", ">&- 2>&-"])
@pytest.mark.parametrize("line", [*ERRORS[2:4], "--help"])
def test_standard_output_that_cannot_be_written(line: str, redirected: str, tmp_path: Path) -> None:
    done = run(line, redirected, tmp_path)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode in (0, 1, 30, 41)
    if redirected == ">/dev/full":
        assert (done.returncode, "No space left on device" in done.stderr) == (41, True)


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_as_data_is_always_data(line: str, tmp_path: Path) -> None:
    done = run(f"{line} --json" if "--json" not in line else line, "", tmp_path, NO_COLOR="1")
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
