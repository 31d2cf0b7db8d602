"""The shells that a job's container may have, and the places in a script where the command may stand."""

from collections.abc import Callable
from pathlib import Path

from package_cache.process import Completed, run

SHELLS = {"bash": ["bash"], "dash": ["dash"], "busybox": ["busybox", "sh"]}

CONTEXTS = {
    "alone": "%s\necho status $?",
    "errexit": "set -o errexit -o nounset\ntrap 'echo status $?' EXIT\n%s",
    "pipefail": "set -o errexit -o nounset -o pipefail\ntrap 'echo status $?' EXIT\n%s\n",
    "condition": "if %s; then echo status 0; else echo status $?; fi",
    "and-or": "set -e\ntrue && %s && echo status 0 || echo status $?",
    "function": "f() {\n%s\n}\nf; echo status $?",
    "function in condition": "set -e\nf() {\n%s\n}\nif f; then echo status 0; else echo status $?; fi",
    "substitution": 'x=$(%s)\nset -- $?\n[ -z "$x" ] || printf "%%s\\n" "$x"\necho status $1',
    "braces": "{ %s }; echo status $?",
}
"""Each prints what the command printed, then its status."""

CASES = [(shell, context) for shell in SHELLS for context in CONTEXTS if (shell, context) != ("dash", "pipefail")]


MakeCommand = Callable[..., str]
"""The type of the fixture `make_command`."""


def run_in(shell: str, script: str, folder: Path, *, stdin: str = "") -> Completed:
    """Run a script in a shell, in a folder."""
    file = folder / "script.sh"
    file.write_text(script)
    return run([*SHELLS[shell], str(file)], cwd=folder, stdin=stdin, check=False, timeout=60)
