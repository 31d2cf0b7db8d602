"""Whatever a fallback command prints, the command prints the same."""

import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugin.shells import CONTEXTS, SHELLS, MakeCommand, run_in

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20)
WORD = TEXT.map(shlex.quote)
COMMAND = st.one_of(
    WORD.map(lambda word: f"printf '%s\\n' {word}"),
    WORD.map(lambda word: f"export X={word}"),
    st.just('printf "<%s>" "$X"'),
    TEXT.map(lambda text: "cat <<'THE END'\n" + text + "\nTHE END"),
    TEXT.map(lambda text: "echo c # " + text.replace("\n", "")),
    st.integers(0, 255).map(lambda status: f"sh -c 'exit {status}'"),
    st.integers(0, 255).map(lambda status: f"exit {status}"),
    st.sampled_from(["cd /", "pwd", "false || true", "( cd /usr; false ) || echo d", "if false; then echo e; fi"]),
)
COMMANDS = st.lists(st.lists(COMMAND, min_size=1, max_size=3).map("\n".join), min_size=1, max_size=5)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("context", ["alone", "condition"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=COMMANDS)
def test_same_as_in_a_plain_script(
    shell: str, context: str, commands: list[str], make_command: MakeCommand, tmp_path: Path
) -> None:
    setup = "X=0\n"
    plain = run_in(shell, setup + "set -e\n" + "\n".join(commands), tmp_path)
    served = run_in(shell, setup + CONTEXTS[context] % make_command(commands), tmp_path)
    assert served.stdout == f"{plain.stdout}status {plain.returncode}\n"
