"""The list of the command's verbs, and how every error becomes a message and an exit status."""

import errno
import os
import sys
from collections.abc import Sequence

import click

from package_cache import __version__
from package_cache.command_line.build import build_command
from package_cache.command_line.install import install_command
from package_cache.command_line.lock import lock_command
from package_cache.command_line.look import list_command, show_command
from package_cache.command_line.render import Renderer
from package_cache.command_line.stage import stage_command
from package_cache.command_line.verify import verify_command
from package_cache.values.errors import PackageCacheError
from package_cache.values.statuses import ExitStatus


class _InOrder(click.Group):
    """Lists the verbs in the order in which a user needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
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


for command in (
    lock_command,
    build_command,
    stage_command,
    install_command,
    list_command,
    show_command,
    verify_command,
):
    cli.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run the command and give its exit status; every error is told on standard error (with `--json`: as data)."""
    renderer = Renderer(json="--json" in arguments, verb=next((word for word in arguments if word in cli.commands), ""))
    try:
        status = cli.main(list(arguments), prog_name="package-cache", standalone_mode=False, obj=renderer)
        sys.stdout.flush()
    except click.UsageError as error:
        renderer.usage(error)
        return ExitStatus.USAGE.code
    except PackageCacheError as error:
        renderer.error(error)
        return error.status.code
    except (KeyboardInterrupt, click.Abort):
        renderer.interrupted()
        return ExitStatus.INTERRUPTED.code
    except BrokenPipeError:  # the reader of our output went away: nothing more to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.INTERNAL.code
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        renderer.error(PackageCacheError(f"cannot go on: {name}{error.strerror or error}", status=_status_of(error)))
        return _status_of(error).code
    return status if isinstance(status, int) else 0


def _status_of(error: OSError) -> ExitStatus:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ExitStatus.NO_SPACE
    return ExitStatus.READ_ONLY if error.errno == errno.EROFS else ExitStatus.INTERNAL
