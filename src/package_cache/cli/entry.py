"""Where the command begins and ends: from its first moment to its last, a signal ends it as the table of statuses says.

Loads next to nothing: the rest takes a tenth of a second, in which a signal shall be heard as well.
"""

import io
import os
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Run the command and exit with a status of the one table, `docs/exit-statuses.md`."""
    for sign in (*SIGNALS, signal.SIGALRM):
        signal.signal(sign, signal.default_int_handler)  # so that it ends what it started, whatever ends it
    os.umask(0o022)  # not the caller's: containers run as other users, and sshd checks modes
    sys.unraisablehook = _raise_again
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: a locale may lack characters
        from package_cache.cli.main import run  # noqa: PLC0415

        status = run(sys.argv[1:])
    except (KeyboardInterrupt, RuntimeError) as error:  # outside of what `run` does: not begun, or all but done
        if not isinstance(error.__cause__ or error, KeyboardInterrupt):  # Python wraps it where a class is made
            raise
        sys.stderr.write("interrupted: run it again\n")
        status = 130
    for sign in SIGNALS:
        signal.signal(sign, signal.SIG_IGN)  # the status stands
    if temporary := sys.modules.get("package_cache.filesystem.temporary"):
        temporary.remove_temporary_folders()
    try:
        if sys.stderr is not None:  # None: it was closed before we began
            sys.stderr.flush()
    except OSError:  # Python would try once more, and exit with 120
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(status)


def _raise_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """A signal that came in a destructor or a callback would be shown and forgotten: let it come again, at once."""
    if unraisable.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
    else:
        sys.__unraisablehook__(unraisable)
