"""A pod in small: a copy of the runtime with plugins of the test, a volume, and both containers as processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from tests.runtime.phase import REPOSITORY

from package_cache.process import Completed, run, start

APPLETS = "sh env date dirname mktemp rm sleep setsid cat grep echo true"

SHELLS = ("bash", "dash", "busybox")

each_shell = pytest.mark.parametrize("shell", SHELLS)

PLAIN = """\
import sys
config, pre, post = sys.argv[1:]
open(pre, "a").write(%(pre)r)
open(post, "a").write(%(post)r)
%(end)s
"""
"""An init script that writes what the test gives."""


def entry(plugin: str, policy: str | None = None, **more: object) -> dict[str, object]:
    """Return an entry of a job's list of plugins."""
    return {"plugin": plugin, **({"failurePolicy": policy} if policy else {}), **more}


def job_of(commands: Sequence[str] = ("echo command",), *entries: Mapping[str, object]) -> str:
    """Return the YAML of a job with one task role."""
    extras = {"com.microsoft.pai.runtimeplugin": [dict(one) for one in entries]}
    return yaml.safe_dump({"protocolVersion": 2, "taskRoles": {"main": {"commands": list(commands)}}, "extras": extras})


class Pod:
    """Its image of the runtime, its volume, and the shells of its job's container."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = folder / "the runtime"
        self.work = folder / "it's work"
        self.job = self.work / "runtime.d" / "job"
        shutil.copytree(REPOSITORY / "runtime", self.runtime, ignore=shutil.ignore_patterns("__pycache__"))
        self._applets = folder / "applets"
        self._applets.mkdir()
        for applet in APPLETS.split():
            (self._applets / applet).symlink_to("/bin/busybox")

    def plugin(self, name: str, pre: str = "", post: str = "", end: str = "") -> None:
        """Add a plugin that writes these scripts and then runs `end`, lines of Python."""
        place = self.runtime / "plugins" / name
        place.mkdir()
        (place / "desc.yaml").write_text(f"name: {name}\ninit-script: init.py\n")
        (place / "init.py").write_text(PLAIN % {"pre": pre, "post": post, "end": end})

    def init_argv(self, job: str, *arguments: str, python: Sequence[str] = (sys.executable,)) -> list[str]:
        """Write the job's YAML and give the command line of the init container."""
        file = self.folder / "job.yaml"
        file.write_text(job)
        return [*python, str(self.runtime / "init.py"), "--job", str(file), *arguments]

    def environment(self) -> dict[str, str]:
        """Return the environment of the init container."""
        return {
            "PYTHONPATH": str(REPOSITORY / "src"),
            "PACKAGE_CACHE_DIR": str(self.folder / "no cache"),
            "PAI_WORK_DIR": str(self.work),
        }

    def init(self, job: str, *arguments: str, **variables: str) -> Completed:
        """Run the init container."""
        argv = self.init_argv(job, *arguments)
        return run(argv, env={**self.environment(), **variables}, check=False, timeout=60)

    def ready(self, job: str) -> None:
        """Run the init container, which succeeds."""
        done = self.init(job)
        assert done.returncode == 0, done.stderr

    def job_argv(self, shell: str, *command: str) -> list[str]:
        """Return the command line of the job's container; for busybox, of one that has nothing else."""
        job = [str(self.work / "runtime.d" / "job.sh"), *command]
        if shell == "busybox":
            return ["env", f"PATH={self._applets}", "/bin/busybox", "sh", *job]
        return [shell, *job]

    def run(self, shell: str, *command: str, stdin: str = "") -> Completed:
        """Run the job's container to its end."""
        return run(self.job_argv(shell, *command), cwd=self.folder, stdin=stdin, check=False, timeout=60)

    def start(self, shell: str, *command: str) -> "subprocess.Popen[str]":
        """Start the job's container."""
        return start(self.job_argv(shell, *command), cwd=self.folder)

    def signalled(self, shell: str, *signals: str, pause: float = 0.1) -> Completed:
        """Run the job's container; once a script of it has made `up`, send it signals, with a pause before each."""
        process = self.start(shell)
        self.wait_for("up")
        for name in signals:
            time.sleep(pause)
            os.kill(process.pid, getattr(signal, f"SIG{name}"))
        stdout, stderr = process.communicate(timeout=30)
        return Completed(process.args, process.returncode, stdout, stderr)

    def tree(self) -> dict[str, str]:
        """Return all files of the job's folder with their content."""
        return {path.name: path.read_text() for path in sorted(self.job.iterdir())} if self.job.exists() else {}

    def wait_for(self, name: str) -> Path:
        """Wait for a file that a script makes in the folder of the test."""
        file = self.folder / name
        for _ in range(600):
            if file.exists():
                return file
            time.sleep(0.02)
        pytest.fail(f"{name} did not come")


def alive(pid: int) -> bool:
    """Return whether a process runs; one that is dead and not yet waited for does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
