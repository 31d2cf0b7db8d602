"""pip's configuration of this machine, for containers that run pip as well."""

import sys
from ast import literal_eval
from collections.abc import Mapping
from pathlib import Path

from package_cache.outside.run import run


def pip_settings() -> tuple[Mapping[str, str], list[Path]]:
    """Return the environment variables that say what this machine's pip is configured with, and the paths they name.

    An option `global.NAME` counts for every command as `PIP_NAME` does (pip's user guide, "Configuration"). Raise
    `CommandError` where this interpreter has no pip.
    """
    listed = run([sys.executable, "-m", "pip", "config", "list"], timeout=60).stdout
    environment = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        scope, _, option = name.partition(".")
        if scope in {"global", ":env:"}:
            environment["PIP_" + option.lstrip(".").upper().replace("-", "_")] = str(literal_eval(value))
    words = (word.removeprefix("file://") for value in environment.values() for word in value.split())
    return environment, sorted({Path(word) for word in words if word.startswith("/") and Path(word).exists()})
