"""The entry point of the init container: prepares the plugins of a job, and what the job's container runs.

    python3 init.py [--job FILE] [--task-role NAME] [--limit SECONDS]

Reads the job's YAML (PAI_JOB_CONFIG, /etc/pai/job.yaml) for one task role (PAI_CURRENT_TASK_ROLE_NAME), runs the init
script of each plugin, and fills `runtime.d` of the shared volume (PAI_WORK_DIR, /usr/local/pai). All of it is in
docs/runtime.md. Like the command line, this is an edge: it reads the environment, writes to standard error and exits.
"""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

LOG = logging.getLogger("runtime")

LIMIT = 900.0
"""Seconds for one init script. Staging waits up to 600 s for another process who stages."""


def seconds(text: str) -> float:
    """Read a number of seconds."""
    number = float(text)
    if not 0 < number < 1e6:
        raise ValueError(text)
    return number


def arguments() -> argparse.Namespace:
    """Read command line and environment."""
    parser = argparse.ArgumentParser(description="Prepare a job's plugins on the shared volume.")
    job = os.environ.get("PAI_JOB_CONFIG") or "/etc/pai/job.yaml"
    role = os.environ.get("PAI_CURRENT_TASK_ROLE_NAME") or None
    parser.add_argument("--job", type=Path, default=job, metavar="FILE", help=f"the job's YAML (now {job})")
    parser.add_argument("--task-role", default=role, metavar="NAME", help="where the job has several")
    parser.add_argument("--limit", type=seconds, default=LIMIT, metavar="SECONDS", help="for one init script")
    return parser.parse_args()


def main() -> int:
    """Run the init phase and give its exit status."""
    for sign in (signal.SIGINT, signal.SIGTERM):  # as PID 1 of a container, no signal ends us that has no handler
        signal.signal(sign, signal.default_int_handler)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")
    try:
        from init_phase.prepare import prepare  # noqa: PLC0415  (a missing library is told below)
        from package_cache.bounds import VARIABLE, set_bounds  # noqa: PLC0415
        from package_cache.errors import PackageCacheError  # noqa: PLC0415
        from package_cache.escaping import VisibleFormatter  # noqa: PLC0415
    except ImportError as error:
        LOG.error("cannot import %s: install PyYAML, and put the folder of package_cache on PYTHONPATH", error.name)
        return 8
    logging.root.handlers[0].setFormatter(VisibleFormatter("%(name)s: %(message)s"))
    options = arguments()
    work = Path(os.environ.get("PAI_WORK_DIR") or "/usr/local/pai").absolute()
    try:
        set_bounds(os.environ.get(VARIABLE, ""))
        prepare(options.job, options.task_role, work, runtime=Path(__file__).resolve().parent, limit=options.limit)
    except PackageCacheError as error:
        LOG.error("%s", error)
        return error.status.code
    except OSError as error:
        LOG.error("cannot prepare the job on %s: %s", work, error)
        return 42
    except KeyboardInterrupt:
        LOG.error("cannot go on: a signal ended it")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
