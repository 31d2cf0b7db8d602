"""Fallback commands do what they do in a plain script under errexit, wherever the command stands."""

from pathlib import Path

import pytest
from tests.plugin.shells import CASES, CONTEXTS, SHELLS, MakeCommand, run_in

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
}


@pytest.mark.parametrize(("shell", "context"), CASES)
@pytest.mark.parametrize("case", FALLBACKS)
def test_output_and_status(case: str, shell: str, context: str, make_command: MakeCommand, tmp_path: Path) -> None:
    fallback, output, status = FALLBACKS[case]
    script = CONTEXTS[context] % make_command(fallback)
    printed, _, last = run_in(shell, script, tmp_path).stdout.rpartition("status ")
    assert printed == output
    if status is None:
        assert int(last) != 0
    else:
        assert int(last) == status


@pytest.mark.parametrize(("shell", "context"), CASES)
def test_no_fallback_after_a_hit(shell: str, context: str, make_command: MakeCommand, tmp_path: Path) -> None:
    script = CONTEXTS[context] % make_command(["echo a"], status=0)
    assert run_in(shell, script, tmp_path).stdout == "status 0\n"


@pytest.mark.parametrize(("shell", "context"), CASES)
def test_without_any_the_status_is_the_installers(
    shell: str, context: str, make_command: MakeCommand, tmp_path: Path
) -> None:
    assert run_in(shell, CONTEXTS[context] % make_command(status=22), tmp_path).stdout == "status 22\n"


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
