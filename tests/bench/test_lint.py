"""The gate, for what lies below `bench/`: lint, format, and every shell script. Types: tests/test_gate.py."""

import sys
from pathlib import Path

import pytest

from package_cache.outside.run import run

PROJECT = Path(__file__).parent.parent.parent
SCRIPTS = [str(path.relative_to(PROJECT)) for path in sorted((PROJECT / "bench").rglob("*.sh"))]


def check(*argv: str) -> None:
    completed = run(argv, cwd=PROJECT, check=False, timeout=600)
    assert completed.returncode == 0, completed.stdout + completed.stderr


def test_ruff_finds_nothing() -> None:
    check(sys.executable, "-m", "ruff", "check", "--no-respect-gitignore", "bench")
    check(sys.executable, "-m", "ruff", "format", "--check", "--no-respect-gitignore", "bench")


@pytest.mark.parametrize("script", SCRIPTS)
def test_shell_scripts_are_plain_sh(script: str) -> None:
    check("shellcheck", "--enable=all", script)
    check("dash", "-n", script)


def test_no_host_of_an_archive_and_no_path_of_this_machine_is_written_down() -> None:
    texts = {
        path: path.read_text()
        for path in (PROJECT / "bench").rglob("*")
        if path.suffix in (".py", ".sh", ".json", ".md")
    }
    assert [path.name for path, text in texts.items() if "ubuntu.com" in text or "debian.org" in text] == []
    assert [path.name for path, text in texts.items() if str(PROJECT) in text or str(Path.home()) + "/" in text] == []
