"""pip's configuration on this machine, for containers in which pip is to find packages as it does here."""

import ast
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from package_cache.process import run

SECTIONS = ("global", "install", ":env:")
"""The later ones count (pip's documentation, Configuration, Precedence)."""

LEFT_OUT = ("cache-dir", "config-file", "log", "prefix", "report", "root", "target")
"""What pip writes to, and the file whose content is here already."""


def pip_settings() -> tuple[dict[str, str], tuple[Path, ...]]:
    """Return PIP_* variables, and the files and folders that they name, to be shown read-only at the same places.

    They say what `pip config list` of the running interpreter says. Raise `CommandError` if that has no pip.
    """
    listed = run([sys.executable, "-m", "pip", "config", "list"], timeout=60)
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in found and option not in LEFT_OUT:
            found[section][option] = ast.literal_eval(value)
    options = {option: value for section in SECTIONS for option, value in found[section].items()}
    environment = {f"PIP_{option.upper().replace('-', '_')}": _words(value) for option, value in options.items()}
    paths = (path for option, value in options.items() for path in _paths(option, value))
    return environment, tuple(dict.fromkeys(paths))


def _words(value: str) -> str:
    """Return a value as it stands in a variable, where several are separated by blanks instead of lines."""
    return " ".join(value.split("\n")).strip()


def _paths(option: str, value: str) -> Iterator[Path]:
    """Yield the absolute paths of this machine that an option names."""
    for word in [value] if Path(value).is_absolute() and Path(value).exists() else value.split():
        is_uri = word.startswith("file:")
        path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(word).path) if is_uri else word)
        if path.is_absolute() and path.exists():
            # the pages of an index lead to files beside it, as those of bandersnatch do
            yield path.parent if option.endswith("index-url") else path
