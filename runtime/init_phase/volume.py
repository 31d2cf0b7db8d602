"""The runtime's part of the volume that the init container shares with the job's:

    runtime.d/
      job.sh            what the job's container runs
      job/              made anew by each run
        plan            one line for each plugin: number, failure policy, name; written last
        user.sh         the user's commands
        1-ssh.pre.sh    scripts of the plugins, where they wrote any
        1-ssh.post.sh

The job is ready when the plan is there, and only then: a run begins by removing it and ends by writing it, so one that
is killed anywhere leaves none, and the next one begins anew.
"""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

from init_phase.job_file import PluginEntry
from package_cache.errors import PackageCacheError
from package_cache.filesystem.confined import Inside

FOLDER = "runtime.d"
JOB = f"{FOLDER}/job"
PLAN = f"{JOB}/plan"

HEAD = "#!/bin/bash\n"
"""What every script begins with."""


class Volume:
    """The folder `runtime.d`, as one run of the init container fills it. A job may have left anything there."""

    def __init__(self, work: Path) -> None:
        self._inside = Inside(work)
        self._lines: list[str] = []

    def withdraw(self) -> None:
        """Remove what a former run left. Its plan first: a half of the rest must not look complete."""
        if self._inside.kind(FOLDER) != stat.S_IFDIR:
            self._inside.remove(FOLDER)
        elif self._inside.kind(JOB) == stat.S_IFDIR:
            self._inside.remove(PLAN)
            self._inside.sync(JOB)
        self._inside.remove(JOB)

    def begin(self) -> None:
        """Create the folder of the job."""
        self._inside.path.mkdir(parents=True, exist_ok=True)
        for folder in (FOLDER, JOB):
            self._inside.make_folder(folder, exist_ok=True)
            self._inside.set_mode(folder, 0o755)  # the job's user may be another one than ours

    @contextmanager
    def scripts(self, number: int, entry: PluginEntry) -> Iterator[list[Path]]:
        """Create the two scripts of a plugin and yield their paths, for its init script to add to.

        Then the plugin is in the plan; a script to which it wrote nothing is left out. After a `PackageCacheError` both
        scripts are removed.
        """
        names = [f"{JOB}/{number}-{entry.plugin}.{kind}.sh" for kind in ("pre", "post")]
        for name in names:
            self._inside.create(name, BytesIO(HEAD.encode()))
        try:
            yield [self._inside.path / name for name in names]
        except PackageCacheError:
            for name in names:
                self._inside.remove(name)
            raise
        for name in names:
            content = b""
            with suppress(FileNotFoundError):
                content = self._inside.read(name, "plugin-file-bytes")
            if content in (b"", HEAD.encode()):
                self._inside.remove(name)
            else:
                self._inside.write(name, content)  # for good on the disk, and readable by all
        self._lines.append(f"{number} {'ignore' if entry.ignore else 'fail'} {entry.plugin}\n")

    def finish(self, commands: Sequence[str], entry_point: bytes) -> None:
        """Write the user's commands and the entry point, then the plan: from now on the job is ready."""
        self._inside.write(f"{JOB}/user.sh", (HEAD + "\n".join([*commands, ""])).encode())
        self._inside.write(f"{FOLDER}/job.sh", entry_point, mode=0o755)
        self._inside.write(PLAN, "".join(self._lines).encode())
