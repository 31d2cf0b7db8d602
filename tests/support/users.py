"""An ordinary user with a range of further ids, for tests that root runs: known in a mount namespace alone."""

import os
import subprocess
from pathlib import Path

import pytest

UID = 54321
NAME = "package-cache-test"
_FILES = {
    "passwd": f"{NAME}:x:{UID}:{UID}::/nonexistent:/bin/sh\n",
    "group": f"{NAME}:x:{UID}:\n",
    "subuid": f"{NAME}:700000:65536\n",
    "subgid": f"{NAME}:700000:65536\n",
}


def as_ordinary_user(folder: Path) -> list[str]:
    """Return the argv prefix that runs a program as that user; `folder` keeps the files that make it known."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    lines = []
    for name, line in _FILES.items():
        file = folder / f"etc-{name}"
        there = Path("/etc", name)
        file.write_text((there.read_text() if there.exists() else "") + line)
        file.chmod(0o644)
        lines.append(f"mount --bind {file} {there}")
    become = f'exec setpriv --reuid {UID} --regid {UID} --clear-groups "$@"'
    prefix = ["unshare", "--mount", "sh", "-euc", "\n".join((*lines, become)), "sh"]
    tried = [*prefix, "unshare", "--user", "true"]
    if subprocess.run(tried, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine gives an ordinary user no namespaces")
    return prefix
