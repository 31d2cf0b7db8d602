"""A control group of our own above those of containers (Linux: cgroup-v1/memory.rst)."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from package_cache.errors import PackageCacheError

CONTROLLER = Path("/sys/fs/cgroup/memory")


@contextlib.contextmanager
def group_above() -> Iterator[Path]:
    """Give a group that podman makes those of its containers in (`parent`), and that is gone after the block."""
    if not (CONTROLLER / "memory.max_usage_in_bytes").exists():
        raise PackageCacheError("cannot measure memory: this machine has no memory controller of cgroup v1")
    place = CONTROLLER / f"package-cache-{os.getpid()}"
    place.mkdir()
    try:
        yield place
    finally:
        for folder in sorted(place.rglob("*"), reverse=True):
            if folder.is_dir():
                with contextlib.suppress(OSError):
                    folder.rmdir()
        with contextlib.suppress(OSError):
            place.rmdir()


def parent(group: Path) -> str:
    """Give what podman's --cgroup-parent takes."""
    return f"/{group.name}"


def peak(group: Path) -> int:
    """Give the most bytes that a group and those below it have had, page cache of their files with it."""
    return int((group / "memory.max_usage_in_bytes").read_text())


def start_anew(group: Path) -> None:
    """Have the peak begin at what there is now."""
    (group / "memory.max_usage_in_bytes").write_text("0")


def anonymous(group: Path) -> int:
    """Give the bytes of a group and those below it that are no file's."""
    found = re.search(r"^total_rss (\d+)$", (group / "memory.stat").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def container_group(group: Path) -> Path:
    """Give the group of the one container below."""
    [found] = [path for path in group.glob("libpod-*") if "conmon" not in path.name]
    return found


def smallest(low: int, high: int, works: Callable[[int], bool]) -> int | None:
    """Give the smallest number from low to high that works, if all above it do; None where the highest does not."""
    if not works(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if works(middle):
            high = middle
        else:
            low = middle + 1
    return high
