"""The gate as tests: lint, format, types, and every shell script."""

import sys
from pathlib import Path

import pytest

from package_cache.process import run

PROJECT = Path(__file__).parent.parent
PYTHON = ["src", "runtime", "tests", "examples", "bench", "containers", "hosts"]
SCRIPTS = [
    "run",
    ".ci/run",
    "containers/host.sh",
    *sorted(str(path.relative_to(PROJECT)) for path in PROJECT.glob("bench/**/*.sh")),
]


def check(*argv: str) -> None:
    completed = run(argv, cwd=PROJECT, check=False, timeout=600)
    assert completed.returncode == 0, completed.stdout + completed.stderr


def test_ruff_finds_nothing() -> None:
    check(sys.executable, "-m", "ruff", "check", *PYTHON)


def test_every_file_is_formatted() -> None:
    check(sys.executable, "-m", "ruff", "format", "--check", *PYTHON)


def test_imports_go_one_way() -> None:
    completed = run([str(Path(sys.executable).with_name("lint-imports"))], cwd=PROJECT, check=False, timeout=600,
                    env={"PYTHONPATH": str(PROJECT / "src")})  # fmt: skip
    assert completed.returncode == 0, completed.stdout


def test_types_are_strict() -> None:
    check(sys.executable, "-m", "mypy")


@pytest.mark.parametrize("script", SCRIPTS)
def test_shell_scripts_are_plain_sh(script: str) -> None:
    check("shellcheck", "--enable=all", script)
    check("dash", "-n", script)
