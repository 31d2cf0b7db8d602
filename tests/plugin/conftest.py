"""A shared volume whose installer ends as a test orders. The real one is in test_real_cache.py and in tests/runtime."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.plugin.shells import MakeCommand

from package_cache import try_to_install_by_cache

STAND_IN = """\
#!/bin/sh
cat >/dev/null
printf '%s\\n' "$@" >{folder}/arguments
exit {status}
"""


@pytest.fixture
def make_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeCommand:
    """Return a function that makes the command of a group whose installer exits with `status`."""

    def make(fallback: Sequence[str] = (), *, group: str = "ssh", status: int = 10) -> str:
        work = tmp_path / "it's work"
        monkeypatch.setenv("PACKAGE_CACHE_DIR", str(tmp_path / "no cache"))
        monkeypatch.setenv("PAI_WORK_DIR", str(work))
        command = try_to_install_by_cache(group, fallback)
        if (work / "runtime.d").is_dir():
            (work / "runtime.d" / "install_group.sh").write_text(STAND_IN.format(folder=tmp_path, status=status))
        return command

    return make
