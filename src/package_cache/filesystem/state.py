"""The state folder, in which lists, keys and roots are kept between runs: for our user alone."""

import os
import stat
from pathlib import Path

from package_cache.errors import UsageError
from package_cache.filesystem.confined import opened
from package_cache.filesystem.write_errors import writing_to

OPTION = "--state"


def private_folder(path: Path) -> Path:
    """Return a folder that only our user may enter, made where it is missing.

    Roots in it hold setuid programs, and what is read from it decides what is trusted. Raises `UsageError` if it
    belongs to another user, where others may write to it, since they may have put anything there, and where it holds
    something and others may read it: it may be a home, or a system's folder, which must not be closed to them. Raises
    `PackageCacheError` as `writing_to` does.
    """
    with writing_to(path, option=OPTION):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        with opened(path, os.O_RDONLY | os.O_DIRECTORY) as folder:
            status = os.fstat(folder)
            mode = stat.S_IMODE(status.st_mode)
            what = f"cannot keep anything in the state folder {path}"
            hint = f"name another one with {OPTION}: it is made where it is missing"
            if status.st_uid != os.geteuid():
                what = f"{what}: it belongs to the user {status.st_uid}, and this is {os.geteuid()}"
                raise UsageError(what, hint=hint)
            if mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise UsageError(f"{what}: others may write to it (mode {mode:04o})", hint=hint)
            if mode & 0o077:
                if any(path.iterdir()):
                    what = f"{what}: others may read it (mode {mode:04o}), and it is not empty"
                    raise UsageError(what, hint=f"{hint}; or, if it is of this program alone: chmod 700 {path}")
                os.fchmod(folder, 0o700)
    return path
