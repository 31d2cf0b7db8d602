"""The verbs of the command, and the conversion of every error to a message and an exit status."""

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

import click

from package_cache import __version__
from package_cache.bounds import VARIABLE, set_bounds
from package_cache.cli.render import Renderer
from package_cache.errors import PackageCacheError, status_of_os_error, unforeseen
from package_cache.exit_codes import ExitStatus

VERBS = (
    "lock", "build", "record", "image", "check", "stage", "install", "list", "show", "verify", "diff", "outdated", "gc",
    "sbom", "provenance", "report",
)  # fmt: skip
"""In the order of a user's work. Only the requested verb's module is imported."""


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        name = "show" if cmd_name == "list" else cmd_name
        module = importlib.import_module(f"package_cache.cli.{name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="package-cache")
def cli() -> None:
    """Prepare named groups of system packages once; install them in any container of that OS, offline.

    \b
    Example:
      package-cache build --manifest package_cache_info --output package_cache
      package-cache list
    In the container:
      sh package_cache/install_group.sh ssh
    """
    set_bounds(os.environ.get(VARIABLE, ""))


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status. Errors go to standard error, and with `--json` also to the result."""
    renderer = Renderer(json="--json" in arguments, verb=next((word for word in arguments if word in VERBS), ""))
    try:
        status = _run(arguments, renderer)
        if sys.stdout is not None:  # None: it was closed before our start
            sys.stdout.flush()
    except OSError as error:
        return _without_output(error)
    return status


def _run(arguments: Sequence[str], renderer: Renderer) -> int:
    """Run the command. Raises `OSError` if it cannot even print the error."""
    try:
        status = cli.main(list(arguments), prog_name="package-cache", standalone_mode=False, obj=renderer)
        return status if isinstance(status, int) else 0
    except click.UsageError as error:
        return renderer.usage(error)
    except PackageCacheError as error:
        return renderer.error(error)
    except (KeyboardInterrupt, click.Abort):
        return renderer.interrupted()
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # Python wraps it in class creation
            return renderer.interrupted()
        return renderer.error(unforeseen(error, "cannot go on"))


def _without_output(error: OSError) -> int:
    """Return the status if standard output cannot be written. A closed pipe gets no message."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError):  # else Python would write its buffer once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return ExitStatus.INTERNAL.code
    with contextlib.suppress(OSError):
        click.echo(f"error: cannot write to standard output: {error.strerror or error}", err=True)
    return status_of_os_error(error).code
