"""The installer: a POSIX shell script that is copied into every cache and runs in the job's container.

Only the asset lives here; what it promises is in `docs/installer.md`, its exit statuses in `values/statuses.py`.
"""

from pathlib import Path

INSTALLER = Path(__file__).with_name("install_group.sh")
"""The script's path in this installation of the library."""
