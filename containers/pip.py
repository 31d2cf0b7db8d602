"""pip's configuration of this machine, for containers that run pip as well."""

import sys
from ast import literal_eval
from collections.abc import Mapping
from pathlib import Path

from package_cache.outside.run import run


def pip_settings() -> tuple[Mapping[str, str], list[Path]]:
    """Return the environment variables that say what this machine's pip is configured with, and the paths they name.

    An option `global.NAME` counts for every command as `PIP_NAME` does (pip's user guide, "Configuration"). Raise
    `CommandError` where this interpreter has no pip. Of a local index its folder's parent is named, because the index
    links to files beside itself.
    """
    listed = run([sys.executable, "-m", "pip", "config", "list"], timeout=60).stdout
    environment = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        scope, _, option = name.partition(".")
        if scope in {"global", ":env:"}:
            environment["PIP_" + option.lstrip(".").upper().replace("-", "_")] = str(literal_eval(value))
    words = [word for value in environment.values() for word in value.split()]
    paths = {Path(word) for word in words if word.startswith("/")}
    paths |= {Path(word.removeprefix("file://")).parent for word in words if word.startswith("file:///")}
    return environment, sorted(path for path in paths if path.exists())
