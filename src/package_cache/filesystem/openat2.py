"""Where a name below a folder leads, found by openat2(2) or, on a kernel without it, component by component."""

import ctypes
import errno
import os
import stat
import struct
from enum import Enum

from package_cache.filesystem.unpack_layer import MOST_LINKS


class Links(Enum):
    """Where symbolic links below the folder may lead. The values are flags of openat2(2), linux/openat2.h."""

    ROOT = 0x10 | 0x02
    """Anywhere, seen from the folder as the root directory: RESOLVE_IN_ROOT."""
    BENEATH = 0x08 | 0x02
    """To places below the folder, by relative paths: RESOLVE_BENEATH."""
    NONE = 0x08 | 0x04 | 0x02
    """Nowhere: a link is an error, RESOLVE_NO_SYMLINKS as well."""


_OPENAT2 = 437
"""On every architecture that Debian releases for (linux, scripts/syscall.tbl)."""

_NO_SUCH_CALL = (errno.ENOSYS, errno.EPERM, errno.EAGAIN)
"""An older kernel; a seccomp filter that does not know the call; a tree in which others rename all the time."""

PATH_MAX = 4096
"""Bytes of a path, the NUL at its end included (linux/limits.h)."""

_PROC = 0x9FA0
"""PROC_SUPER_MAGIC of linux/magic.h."""

libc = ctypes.CDLL(None, use_errno=True)


def resolve(folder: int, name: str, links: Links) -> int:
    """Return a descriptor (O_PATH) of what a name below a folder leads to."""
    if "\0" in name:
        raise OSError(errno.EINVAL, "holds a NUL byte")
    if not name or len(os.fsencode(name)) >= PATH_MAX:
        code = errno.ENAMETOOLONG if name else errno.ENOENT
        raise OSError(code, os.strerror(code))
    how = struct.pack("=QQQ", os.O_PATH | os.O_CLOEXEC, 0, links.value)  # struct open_how: flags, mode, resolve
    words = ctypes.c_long(folder), ctypes.c_char_p(os.fsencode(name)), ctypes.c_char_p(how)
    for _ in range(10):  # EAGAIN: something was renamed meanwhile
        found = int(libc.syscall(ctypes.c_long(_OPENAT2), *words, ctypes.c_size_t(len(how))))
        code = ctypes.get_errno()
        if found >= 0:
            return found
        if code != errno.EAGAIN:
            break
    if code in _NO_SUCH_CALL:
        return _walk(folder, name, links)
    raise OSError(code, os.strerror(code))


def _walk(folder: int, name: str, links: Links) -> int:
    """Do what openat2(2) does, one component at a time; each folder on the way stays open, so that `..` leads back."""
    way = [os.dup(folder)]
    waiting = name.split("/")[::-1]
    hops = 0
    if name.startswith("/") and links is not Links.ROOT:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    try:
        while waiting:
            part = waiting.pop()
            if part in ("", ".", ".."):
                demand_folder(way[-1])
                if part == ".." and len(way) > 1:
                    os.close(way.pop())
                elif part == ".." and links is not Links.ROOT:
                    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
                continue
            way.append(os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=way[-1]))
            if not stat.S_ISLNK(os.fstat(way[-1]).st_mode):
                continue
            target, hops = os.readlink("", dir_fd=way[-1]), hops + 1
            if links is Links.NONE or hops > MOST_LINKS or _is_of_proc(way[-1]):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            if target.startswith("/") and links is not Links.ROOT:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            for _ in way[1:] if target.startswith("/") else way[-1:]:
                os.close(way.pop())
            waiting += target.split("/")[::-1]
        return os.dup(way[-1])
    finally:
        for descriptor in way:
            os.close(descriptor)


def _is_of_proc(descriptor: int) -> bool:
    """Return whether a link is one of proc(5): what it reads like is not where the kernel would go."""
    buffer = (ctypes.c_long * 32)()  # struct statfs: its first member is the type
    return libc.fstatfs(descriptor, ctypes.byref(buffer)) != 0 or buffer[0] == _PROC


def demand_folder(descriptor: int) -> None:
    """Raise `OSError` if what is open is no folder."""
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
