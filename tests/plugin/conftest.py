"""A shared volume and a cache whose installer ends as a test orders: the plugin API takes the cache's own installer."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from package_cache import try_to_install_by_cache

STAND_IN = """\
#!/bin/sh
cat >/dev/null
printf '%s\\n' "$@" >{folder}/arguments
exit {status}
"""

MakeCommand = Callable[..., str]


@pytest.fixture
def make_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeCommand:
    """Give a function that makes the command of a group whose installer ends with `status`."""

    def make(fallback: Sequence[str] = (), *, group: str = "ssh", status: int = 10) -> str:
        cache = tmp_path / "the cache"
        cache.mkdir(exist_ok=True)
        (cache / "install_group.sh").write_text(STAND_IN.format(folder=tmp_path, status=status))
        monkeypatch.setenv("PACKAGE_CACHE_DIR", str(cache))
        monkeypatch.setenv("PAI_WORK_DIR", str(tmp_path / "it's work"))
        return try_to_install_by_cache(group, fallback)

    return make
