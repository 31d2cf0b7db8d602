"""How the programs of this checkout end: the demo, the benchmarks and the host matrix."""

import logging
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import click
from rich.console import Console

from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus

console = Console(stderr=True, highlight=False, soft_wrap=True)


def run_program(main: Callable[[], int | None], console: Console = console) -> NoReturn:
    """Exit with what a main function returns. An error goes to the console; its status is that of the command.

    A signal is an interruption, so that the containers end with this process.
    """
    logging.basicConfig(level=logging.ERROR)
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sign) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(sign, signal.default_int_handler)
    try:
        sys.exit(main())
    except click.ClickException as refused:
        refused.show()
        sys.exit(refused.exit_code)
    except PackageCacheError as error:
        console.print(f"[red]error:[/red] {error}")
        sys.exit(error.status.code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(ExitStatus.INTERRUPTED.code)
