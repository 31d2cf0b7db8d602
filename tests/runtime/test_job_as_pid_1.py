"""The entry point as the first process of a container: it waits for whom the command leaves behind."""

import os
import signal
from pathlib import Path

import pytest
from tests.runtime.pod import Pod, each_shell, entry, job_of

from package_cache.process import run, start

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--map-root-user"]

ORPHANS = "for n in 1 2 3 4 5; do (sleep 0.1 & sleep 0.3 &) ; done; sleep 1"

COUNT = """\
n=0
for file in /proc/[0-9]*/stat; do
read -r line <"$file" && case $line in *') Z '*) n=$((n + 1)) ;; esac
done 2>/dev/null
echo "zombies $n"
"""


@pytest.fixture(autouse=True)
def namespaces() -> None:
    if run([*UNSHARE, "true"], check=False).returncode:
        pytest.skip("this machine gives no pid namespaces")


@each_shell
def test_nobody_stays_a_zombie(shell: str, pod: Pod) -> None:
    pod.ready(job_of([ORPHANS, COUNT]))
    done = run([*UNSHARE, *pod.job_argv(shell)], check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("zombies 0\n", 0), done.stderr


@each_shell
def test_what_the_command_leaves_is_gone(shell: str, pod: Pod) -> None:
    pod.plugin(
        "a", post=f"{COUNT}for file in /proc/[0-9]*/comm; do read -r name <$file; echo $name; done | grep -c sleep\n"
    )
    pod.ready(job_of(["sleep 987 & sleep 987 &", "echo end"], entry("a")))
    done = run([*UNSHARE, *pod.job_argv(shell)], check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("end\nzombies 0\n0\n", 0), done.stderr


@each_shell
@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_it_hears_signals(name: str, shell: str, pod: Pod) -> None:
    """The kernel gives PID 1 only signals that it handles."""
    pod.plugin("a", post="echo post\n")
    pod.ready(job_of([f"cd '{pod.folder}'; echo >up; while :; do sleep 0.1; done"], entry("a")))
    process = start([*UNSHARE, *pod.job_argv(shell)])
    pod.wait_for("up")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    sign = getattr(signal, f"SIG{name}")
    os.kill(int(children[0]), sign)
    stdout, stderr = process.communicate(timeout=30)
    heard = signal.SIGTERM if shell == "busybox" and name == "INT" else sign
    assert (stdout, process.returncode) == ("post\n", 128 + heard), stderr
