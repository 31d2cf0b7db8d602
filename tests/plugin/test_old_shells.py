"""The shells of the oldest releases run fallback commands as those of today: bash 4.3, dash 0.5.8, and later ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugin.shells import CONTEXTS, MakeCommand
from tests.support.lab import Isolation, throwaway

pytestmark = pytest.mark.system

FALLBACKS = {
    "a failing command": (["echo a", "sh -c 'exit 3'", "echo b"], "a\nstatus 3\n"),
    "a failing middle line": (["echo a\nsh -c 'exit 4'\necho b"], "a\nstatus 4\n"),
    "a failing subshell": (["(exit 5)", "echo b"], "status 5\n"),
    "here-documents": (["cat <<'END'\nit's $x )\nEND", "cd /usr", "pwd # here"], "it's $x )\n/usr\nstatus 0\n"),
}


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_output_and_status(
    system: str, real_root: Callable[..., Path], isolation: Isolation, make_command: MakeCommand, tmp_path: Path
) -> None:
    scripts = tmp_path / "scripts"
    expected: dict[str, str] = {}
    scripts.mkdir()
    for case, (fallback, output) in FALLBACKS.items():
        for context, text in CONTEXTS.items():
            name = f"{case}, {context}"
            (scripts / name).write_text(text % make_command(fallback))
            expected |= {
                f"{shell}: {name}": output for shell in ("bash", "dash") if (shell, context) != ("dash", "pipefail")
            }
    seen = {}
    with throwaway(real_root(system), isolation, binds={"/scripts": scripts}) as container:
        for each in expected:
            shell, _, name = each.partition(": ")
            seen[each] = container.run([shell, f"/scripts/{name}"], check=False, timeout=60).stdout
    assert seen == expected
