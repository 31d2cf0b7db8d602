"""Paths that other programs can carry.

apt's configuration has no way to write a quote, and its Signed-By none to write a blank, a comma or a colon.
"""

import os
import re
import threading
from pathlib import Path

_PLAIN = re.compile(r"/[A-Za-z0-9/._+~-]*", re.ASCII)

_held: dict[tuple[int, int], int] = {}
"""By device and inode: an open descriptor."""

_holding = threading.Lock()


def plain_path(path: Path) -> Path:
    """Return a path of an existing file or folder that is absolute and of plain characters: its own, else a link to it.

    The link is a descriptor of ours (proc_pid_fd(5)): children of ours can follow it as long as we live, and nothing is
    left of it. Raises `OSError` if there is no such file.
    """
    if _PLAIN.fullmatch(str(path)):
        return path
    with _holding:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        kept = _held.setdefault((status.st_dev, status.st_ino), descriptor)
        if kept != descriptor:
            os.close(descriptor)
    return Path(f"/proc/{os.getpid()}/fd/{kept}")
