"""What runs in the job's container: POSIX shell scripts, each valid by itself.

Only the assets live here. The installer is copied into every cache; what it promises is in `docs/installer.md`. The
fallback travels in the command that `online_fallback` gives; what it promises is in `docs/plugins.md`. The exit
statuses of both are in `values/statuses.py`.
"""

from pathlib import Path

INSTALLER = Path(__file__).with_name("install_group.sh")
"""The installer's path in this installation of the library."""

ONLINE_FALLBACK = Path(__file__).with_name("online_fallback.sh")
"""The path of the script that installs packages from the image's own apt sources."""
