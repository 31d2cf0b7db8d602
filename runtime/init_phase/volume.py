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

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from init_phase.job import PluginEntry
from package_cache.outside.files import read_bounded, sync_folder, write_atomically

HEAD = "#!/bin/bash\n"
"""What every script begins with."""


@dataclass(frozen=True)
class ScriptPair:
    """The two scripts of one plugin of a job."""

    pre: Path
    post: Path


class Volume:
    """The folder `runtime.d`, as one run of the init container fills it."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "runtime.d"
        self._job = self.folder / "job"
        self._plan = self._job / "plan"
        self._lines: list[str] = []

    def withdraw(self) -> None:
        """Remove what a former run left. Its plan first: half of the rest shall not look like a whole."""
        if self._plan.exists():
            self._plan.unlink()
            sync_folder(self._job)
        if self._job.exists():
            shutil.rmtree(self._job)

    def begin(self) -> None:
        """Make the folder of the job."""
        self._job.mkdir(parents=True)
        for folder in (self.folder, self._job):
            folder.chmod(0o755)  # the job's user may be another one than ours

    def scripts(self, number: int, plugin: str) -> ScriptPair:
        """Make the two scripts of a plugin, for its init script to add to."""
        pair = ScriptPair(*(self._job / f"{number}-{plugin}.{kind}.sh" for kind in ("pre", "post")))
        for script in (pair.pre, pair.post):
            script.write_text(HEAD, encoding="utf-8")
        return pair

    def accept(self, number: int, entry: PluginEntry, scripts: ScriptPair) -> None:
        """Put a plugin into the plan; a script to which it wrote nothing is left out."""
        for script in (scripts.pre, scripts.post):
            content = read_bounded(script, "plugin-file-bytes") if script.is_file() else HEAD.encode()
            if content != HEAD.encode():
                write_atomically(script, content)  # for good on the disk, and readable by all
            else:
                script.unlink(missing_ok=True)
        self._lines.append(f"{number} {'ignore' if entry.ignore else 'fail'} {entry.plugin}\n")

    def reject(self, scripts: ScriptPair) -> None:
        """Remove the scripts of a plugin."""
        for script in (scripts.pre, scripts.post):
            script.unlink(missing_ok=True)

    def finish(self, commands: Sequence[str], entry_point: bytes) -> None:
        """Write the user's commands and the entry point, then the plan: from now on the job is ready."""
        write_atomically(self._job / "user.sh", (HEAD + "\n".join([*commands, ""])).encode())
        write_atomically(self.folder / "job.sh", entry_point, mode=0o755)
        write_atomically(self._plan, "".join(self._lines).encode())
