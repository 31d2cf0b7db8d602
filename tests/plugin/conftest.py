"""A shared volume whose installer ends as a test orders. The real one is in test_real_cache.py and in tests/runtime."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.plugin.shells import MakeCommand

from package_cache import try_to_install_by_cache
from package_cache.filesystem.paths import text_digest
from package_cache.names import GROUP_NAME
from package_cache.plugin.api import PLACE
from package_cache.plugin.command import Staged, installing_command

STAND_IN = """\
#!/bin/sh
main() {{
    cat >/dev/null
    printf '%s\\n' "$@" >{folder}/arguments
    exit {status}
}}
main "$@"
"""


@pytest.fixture
def make_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeCommand:
    """Return a function that makes the command of a group whose installer is `text`, or exits with `status`."""

    def make(fallback: Sequence[str] = (), *, group: str = "ssh", status: int = 10, text: str = "") -> str:
        work = tmp_path / "it's work"
        if not GROUP_NAME.fullmatch(group):
            monkeypatch.setenv("PAI_WORK_DIR", str(work))
            return try_to_install_by_cache(group, fallback)
        installer = work / PLACE
        installer.parent.mkdir(parents=True, exist_ok=True)
        installer.write_text(text or STAND_IN.format(folder=tmp_path, status=status))
        staged = Staged(installer, text_digest(installer.read_text()), work / "package_cache", ())
        return installing_command(group, staged, fallback)

    return make
