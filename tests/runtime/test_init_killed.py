"""An init container that is killed anywhere leaves no plan or a complete one; the next run succeeds."""

import os
import signal
import sys
import time

import pytest
from tests.runtime.pod import Pod, entry, job_of

from package_cache.exit_codes import ExitStatus
from package_cache.process import run, start

AT_CALL = """\
import os, runpy, sys
count, at, script = 0, int(sys.argv[1]), sys.argv[2]
NAMES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "subprocess.Popen", "shutil.rmtree"}
NO_PATH = {"subprocess.Popen", "os.remove", "os.rmdir"}
def hook(name, arguments):
    global count
    if name not in NAMES:
        return
    path = arguments[0]
    relative = isinstance(path, str) and path not in ("", ".") and path[0] != "/" and arguments[-1] != -1
    if not (name in NO_PATH or relative or any("work" in str(part) for part in arguments)):
        return
    count += 1
    if count == at:
        os.kill(os.getpid(), 9)
sys.addaudithook(hook)
sys.argv = sys.argv[2:]
sys.path.insert(0, os.path.dirname(script))
runpy.run_path(script, run_name="__main__")
"""
"""Runs a script up to the n-th call that touches the volume, and kills it there."""


def test_killed_at_each_step(pod: Pod) -> None:
    pod.plugin("a", pre="echo a\n", post="echo a\n")
    job = job_of(["echo command"], entry("a"), entry("a", "ignore"))
    pod.ready(job)
    whole = pod.tree()
    killer = pod.folder / "killer.py"
    killer.write_text(AT_CALL)
    killed = 0
    for at in range(1, 200):
        argv = pod.init_argv(job, python=(sys.executable, str(killer), str(at)))
        done = run(argv, env=pod.environment(), check=False, timeout=60)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
        if "plan" in pod.tree():
            assert pod.tree() == whole or pod.run("dash").stdout == "a\na\ncommand\na\na\n"
        else:
            refused = pod.run("dash")
            assert (refused.returncode, refused.stdout) == (ExitStatus.PLUGIN_FAILED.code, "")
        if at % 3 == 0:  # else the next one begins where this one was killed
            pod.ready(job)
            assert pod.tree() == whole
    assert killed > 20
    pod.ready(job)
    assert pod.tree() == whole
    assert sorted(path.name for path in pod.job.parent.iterdir()) == ["job", "job.sh"]


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_what_it_runs(sign: signal.Signals, pod: Pod) -> None:
    note = str(pod.folder / "pid")
    pod.plugin("a", end=f"import os, time; open({note!r}, 'w').write(str(os.getpid())); time.sleep(1000)")
    process = start(pod.init_argv(job_of(["true"], entry("a", "ignore"))), env=pod.environment())
    file = pod.wait_for("pid")
    time.sleep(0.2)
    os.kill(process.pid, sign)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == ExitStatus.INTERRUPTED.code, stderr
    assert stderr == "runtime: cannot go on: a signal ended it\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)
    assert "plan" not in pod.tree()
