"""The gate as tests: lint, format, types, and every shell script."""

import sys
from pathlib import Path

import pytest
from tests.tiers import ALL_ONLY, FIRST_ROW, covers

from package_cache.process import run

PROJECT = Path(__file__).parent.parent
PYTHON = ["src", "runtime", "tests", "examples", "bench", "containers", "hosts", "ci"]
SCRIPTS = [
    "run",
    ".ci/run",
    "containers/host.sh",
    *sorted(str(path.relative_to(PROJECT)) for path in PROJECT.glob("bench/**/*.sh")),
]


def check(*argv: str) -> None:
    completed = run(argv, cwd=PROJECT, check=False, timeout=600, env={"PYTHONPATH": str(PROJECT / "src")})
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.mark.parametrize(
    "words", [("ruff", "check", *PYTHON), ("ruff", "format", "--check", *PYTHON), ("lint-imports",), ("mypy",)]
)
def test_linters_find_nothing(words: tuple[str, ...]) -> None:
    check(str(Path(sys.executable).with_name(words[0])), *words[1:])


@pytest.mark.parametrize("entry", [*ALL_ONLY, *FIRST_ROW])
def test_an_entry_of_the_tiers_names_tests(entry: str) -> None:
    place, _, function = entry.partition("::")
    assert (PROJECT / place).exists()
    assert not function or f"\ndef {function}(" in (PROJECT / place).read_text()
    assert [other for other in ALL_ONLY if other != entry and covers(other, entry)] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_shell_scripts_are_plain_sh(script: str) -> None:
    check("shellcheck", "--enable=all", script)
    check("dash", "-n", script)
