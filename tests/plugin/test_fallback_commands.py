"""Fallback commands do what they do in a plain script under errexit, wherever the command stands."""

import itertools
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plugin.shells import CASES, CONTEXTS, SHELLS, MakeCommand, run_in
from tests.support.lab import Isolation, throwaway

FALLBACKS = {
    "all succeed": (["echo a", "echo b"], "a\nb\n", 0),
    "the first that fails ends them": (["echo a", "sh -c 'exit 3'", "echo b"], "a\n", 3),
    "exit": (["echo a", "exit 3", "echo b"], "a\n", 3),
    "a middle line fails": (["echo a\nsh -c 'exit 4'\necho b"], "a\n", 4),
    "a middle command of a line fails": (["cd /nowhere 2>/dev/null; echo b"], "", None),
    "the last of an and-list fails": (["[ -e /nowhere ] && echo a", "echo b"], "", 1),
    "a failure that is handled": (["false || echo a", "if false; then :; fi", "echo b"], "a\nb\n", 0),
    "errexit switched off": (["set +e; sh -c 'exit 3'", "echo b"], "", 3),
    "a function fails": (["f() {\nsh -c 'exit 5' || return 5\n}", "f", "echo b"], "", 5),
    "cd and export carry over": (["cd /usr", "export X=1", 'echo "$PWD $X $(sh -c "echo $X")"'], "/usr 1 1\n", 0),
    "quotes": (["""printf '%s|' "it's" '"' 'a  b'""", "echo"], "it's|\"|a  b|\n", 0),
    "a comment at the end": (["echo a # it's", "#", "echo b"], "a\nb\n", 0),
    "a subshell fails": (["(exit 5)", "echo b"], "", 5),
    "in the background": (["true &", "wait; echo b &", "wait"], "b\n", 0),
    "a here-document": (
        ["cat <<'END'\nit's $x )\nEND", "cat <<END\n$((1 + 1))\nEND", "echo b"],
        "it's $x )\n2\nb\n",
        0,
    ),
    "a backslash at the end": (["echo a\\", "echo b"], "a\nb\n", 0),
    "a name like an option": (["-no-such-command 2>/dev/null || echo a"], "a\n", 0),
    "empty ones": (["", "\n", "  ", "echo b"], "b\n", 0),
    "syntax error": (["echo a", "if", "echo b"], "a\n", None),
    "a quote is not closed": (["echo 'a", "echo b'"], "", None),
    "a bracket too many": (["echo a", ")", "echo b"], "a\n", None),
    "percent signs": (["echo 100%s %d"], "100%s %d\n", 0),
    "not after a hit": (["echo a"], "", 0),
    "none": ([], "", 22),
}
INSTALLERS = {"not after a hit": 0, "none": 22}
"""The status of the installer, where it is not 10."""


@pytest.mark.parametrize(("shell", "context"), CASES)
@pytest.mark.parametrize("case", FALLBACKS)
def test_output_and_status(case: str, shell: str, context: str, make_command: MakeCommand, tmp_path: Path) -> None:
    fallback, output, status = FALLBACKS[case]
    script = CONTEXTS[context] % make_command(fallback, status=INSTALLERS.get(case, 10))
    printed, _, last = run_in(shell, script, tmp_path).stdout.rpartition("status ")
    assert printed == output
    if status is None:
        assert int(last) != 0
    else:
        assert int(last) == status


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("context", ["alone", "condition"])
def test_nothing_reaches_the_caller(shell: str, context: str, make_command: MakeCommand, tmp_path: Path) -> None:
    fallback = ["cd /", "export X=1", "set -f +e -u", "f() { :; }", "trap 'echo mine' TERM", "umask 0", "exit 6"]
    state = 'echo "$PWD ${X-unset} $-"; umask; trap; f 2>/dev/null || echo "no f"\n'
    script = f"trap 'echo theirs' USR1\n{state}{CONTEXTS[context] % make_command(fallback)}\n{state}"
    before, after = run_in(shell, script, tmp_path).stdout.split("status 6\n")
    assert before == after


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("context", ["alone", "condition"])
def test_fallback_commands_see_the_callers_variables(
    shell: str, context: str, make_command: MakeCommand, tmp_path: Path
) -> None:
    fallback = ['echo "$mine $1 $#"', "theirs", "cat"]
    script = f"mine=1; theirs() {{ echo called; }}\nset -- 'a b' c\n{CONTEXTS[context] % make_command(fallback)}"
    assert run_in(shell, script, tmp_path, stdin="input\n").stdout == "1 a b 2\ncalled\ninput\nstatus 0\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_trap_of_theirs_runs_when_they_end(shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    command = make_command(["trap 'echo bye' EXIT", "echo a"])
    assert run_in(shell, f"{command}\necho after", tmp_path).stdout == "a\nbye\nafter\n"


def test_an_error_trap_of_the_caller_is_not_set_off(make_command: MakeCommand, tmp_path: Path) -> None:
    command = make_command(["false || echo a"])
    script = f"set -o errtrace\ntrap 'echo caught; exit 9' ERR\n{command}\necho status $?"
    assert run_in("bash", script, tmp_path).stdout == "a\nstatus 0\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_one_may_hold_another_such_command(shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    inner = make_command(["echo b", "exit 7"], group="nfs")
    script = CONTEXTS["condition"] % make_command(["echo a", inner, "echo c"])
    assert run_in(shell, script, tmp_path).stdout == "a\nb\nstatus 7\n"


IN_OLD_SHELLS = (
    "the first that fails ends them", "a middle line fails", "a subshell fails", "a here-document",
    "cd and export carry over", "a comment at the end",
)  # fmt: skip
"""Of FALLBACKS, for bash 4.3, dash 0.5.8, and later ones."""


@pytest.mark.system
@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_the_shells_of_the_oldest_releases(
    system: str, real_root: Callable[..., Path], isolation: Isolation, make_command: MakeCommand
) -> None:
    with throwaway(real_root(system), isolation) as container:
        for case, (shell, context) in itertools.product(IN_OLD_SHELLS, CASES):
            fallback, output, status = FALLBACKS[case]
            script = CONTEXTS[context] % make_command(fallback)
            if shell != "busybox":
                ran = container.run([shell, "-c", script], check=False, timeout=60)
                assert ran.stdout == f"{output}status {status}\n", (case, shell, context)


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
