"""What kind of machine this is, as far as figures depend on it. No names."""

import os
import platform
import re
from pathlib import Path

from package_cache.process import run


def machine_facts(folder: Path) -> dict[str, str]:
    """Return the facts for people; `folder` is where the roots are in profile `disk`."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": model[1].strip() if model else platform.machine(),
        "memory": f"{memory:.0f} GiB",
        "kernel": f"Linux {re.sub(r'-.*', '', platform.release())}",
        "storage": _storage(folder),
    }


def _storage(folder: Path) -> str:
    """Return the file system and the kind of disk below a folder (findmnt(8); sysfs, queue/rotational)."""
    argv = ["findmnt", "--noheadings", "--output", "FSTYPE,MAJ:MIN", "--target", str(folder)]
    *_, kind, number = run(argv).stdout.split()  # of several mounts the topmost is the last
    block = Path("/sys/dev/block") / number
    if not block.exists():
        return kind
    disk = block.resolve()
    rotational = next((path for path in (disk / "queue", disk.parent / "queue") if path.is_dir()), disk) / "rotational"
    turns = rotational.exists() and rotational.read_text(encoding="utf-8").strip() == "1"
    drive = "virtual disk" if disk.name.startswith(("vd", "xvd")) else "rotating disk" if turns else "solid-state disk"
    return f"{kind} on a {drive}"
