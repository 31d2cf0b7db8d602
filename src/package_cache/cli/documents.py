"""Documents that verbs write: to a file or to standard output, by libraries that are optional and slow to import."""

import functools
import importlib
import importlib.metadata
import json
import shlex
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from package_cache.cli.options import PATH, readable
from package_cache.cli.render import Renderer
from package_cache.errors import ToolMissingError, UsageError
from package_cache.filesystem.paths import write_atomically
from package_cache.filesystem.write_errors import writing_to
from package_cache.vulnerabilities.model import Reader

output_option = click.option("--output", type=PATH, help="File to write.  [default: standard output]")


vulnerabilities_option = click.option(
    "--vulnerabilities",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="File with the vulnerability data of a distribution: of Debian's security tracker, or Ubuntu's OSV records; "
    "may be repeated.",
)


def given_reader(files: Sequence[Path]) -> Reader | None:
    """Return what reads the files of `--vulnerabilities`; None without any. Raises `UsageError` for a missing one."""
    if not files:
        return None
    for file in files:
        readable(file, "the vulnerability data", "name a file that is there")
    module = library("package_cache.vulnerabilities.data_files", "vulnerabilities", "vulnerability data", verb="read")
    return functools.partial(module.read_vulnerabilities, files)


def write_document(renderer: Renderer, text: str, output: Path | None, line: str, result: dict[str, Any]) -> int:
    """Write a text in one rename and print `line`, or print the text; `result` is for `--json` where it is written."""
    if output is None:
        return renderer.result(text.rstrip("\n"), json.loads(text) if renderer.json else None)
    place = output.resolve()  # replace the target of a link, not the link
    with writing_to(place.parent):
        write_atomically(place, text.encode())
    return renderer.result(f"{output}: {line}", {"path": output, **result})


def refuse_unless_file(output: Path | None) -> None:
    """Raise `UsageError` for a device or a pipe, which a file would replace, and for a missing folder."""
    if output is None:
        return
    hint = "name a file, or omit --output to write to standard output"
    try:
        is_file = stat.S_ISREG(output.stat().st_mode)
    except FileNotFoundError:
        is_file = True
    except OSError as error:
        raise UsageError(f"cannot write to {output}: {error.strerror}", hint=hint) from error
    if not is_file:
        raise UsageError(f"cannot write to {output}: it is not a file", hint=hint)
    if not output.resolve().parent.is_dir():
        raise UsageError(f"cannot write to {output}: there is no folder {output.resolve().parent}")


def library(module: str, extra: str, what: str, *, verb: str = "write") -> ModuleType:
    """Import a module of ours whose library is in an extra. Raises `ToolMissingError` with what installs that."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        needed = [need.partition(";") for need in importlib.metadata.requires("pod-package-cache") or ()]
        names = [need.strip() for need, _, when in needed if when.replace("'", '"').endswith(f'extra == "{extra}"')]
        raise ToolMissingError(
            f"cannot {verb} {what}: the Python package {error.name} is not installed",
            hint=f"install it: {sys.executable} -m pip install {shlex.join(names)}",
        ) from error
