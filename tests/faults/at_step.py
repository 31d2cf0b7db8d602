"""Runs the command, and something happens to it right before its n-th change of the file system.

    python at_step.py STEP kill|term|full|count FOLDER ARGUMENT...

Counts only changes below FOLDER, in our own process, and the first write to each file. `count` prints on standard
error how many there were.
"""

import errno
import os
import signal
import sys
from itertools import count
from types import FrameType
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.chmod", "shutil.rmtree"}
NEEDS_SPACE = {"open", "write", "os.rename", "os.mkdir", "os.link"}


def is_change(event: str, args: tuple[Any, ...], folder: str) -> bool:
    """Return whether an audit event (Python's table of them) is a change of the file system in `folder`."""
    if event == "ctypes.dlsym":
        return bool(args[1] == "renameat2")
    if not isinstance(args[0] if args else None, str):
        return False
    is_near = args[0].startswith(folder) or args[0][:1] != "/"  # relative: to a descriptor, by filesystem/confined.py
    if event == "open":
        return is_near and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
    return event in CHANGES and is_near


def main() -> None:
    """Set the trap and run the command."""
    step, way, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    steps = count()

    def step_on(event: str) -> None:
        if next(steps) != step:
            return
        if way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif way == "term":
            signal.raise_signal(signal.SIGTERM)
        elif way == "full" and event in NEEDS_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def until_write(frame: FrameType, event: str, arg: object) -> None:
        """Find the first write to a file that was opened: there is no audit event for it."""
        if event == "c_call" and getattr(arg, "__name__", "") == "write":
            sys.setprofile(None)
            step_on("write")

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if is_change(event, args, folder):
            step_on(event)
            if event == "open":
                sys.setprofile(until_write)

    sys.addaudithook(hook)
    from package_cache.cli.entry import main as command  # noqa: PLC0415  # only now: the trap is set

    sys.argv[1:] = sys.argv[4:]
    try:
        command()
    finally:
        if way == "count":
            sys.stderr.write(f"{next(steps)}\n")


if __name__ == "__main__":
    main()
