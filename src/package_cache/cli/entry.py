"""The entry point of the command. A signal at any moment leads to the status of the table.

It imports almost nothing itself: the other imports take a tenth of a second, in which signals must work as well.
"""

import io
import os
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Run the command and exit with a status of the one table, `docs/exit-statuses.md`."""
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, signal.default_int_handler)  # so that every signal stops our child processes
    os.umask(0o022)  # containers run as other users, and sshd checks modes
    sys.unraisablehook = _raise_again
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # like standard error: a locale may lack characters
        from package_cache.cli.main import run  # noqa: PLC0415

        status = run(sys.argv[1:])
    except (KeyboardInterrupt, RuntimeError) as error:  # before or after the code of `run`
        if not isinstance(error.__cause__ or error, KeyboardInterrupt):  # Python wraps it in class creation
            raise
        sys.stderr.write("interrupted: run the command again\n")
        status = 130
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the status is final
    if temporary := sys.modules.get("package_cache.filesystem.temporary"):
        temporary.remove_temporary_folders()
    try:
        if sys.stderr is not None:  # None: it was closed before our start
            sys.stderr.flush()
    except OSError:  # Python would try once more, and exit with 120
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(status)


def _raise_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Repeat a signal that arrived in a destructor or a callback, where Python would only print it."""
    if unraisable.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
    else:
        sys.__unraisablehook__(unraisable)
