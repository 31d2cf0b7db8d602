"""Signals to the job's entry point, in each shell: they reach what runs, and the post-scripts run all the same."""

import os
import signal
import sys
import time

import pytest
from tests.faults.spread import spread
from tests.runtime.pod import Pod, alive, each_shell, entry, job_of

from package_cache.installer import HERE
from package_cache.process import run, start

SIGNALS = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2")
each_signal = pytest.mark.parametrize("name", SIGNALS)

WAIT = "n=0; while [ $n -lt 1000 ]; do sleep 0.05; n=$((n + 1)); done"


def heard_as(name: str, shell: str) -> str:
    """Return the signal that a command hears: busybox alone cannot undo that INT and QUIT are ignored."""
    return "TERM" if shell == "busybox" and name in ("INT", "QUIT") else name


def with_command(pod: Pod, *commands: str) -> None:
    pod.plugin("a", pre="echo pre\n", post='echo "post <$PAI_COMMAND_STATUS>"\n')
    pod.ready(job_of([f"cd '{pod.folder!s}'", *commands], entry("a")))


@each_shell
@each_signal
def test_a_command_that_dies_of_it(name: str, shell: str, pod: Pod) -> None:
    with_command(pod, "echo >up", "exec sleep 100")  # bash itself never dies of QUIT
    done = pod.signalled(shell, name)
    status = 128 + signal.Signals[f"SIG{heard_as(name, shell)}"]
    assert (done.stdout, done.returncode) == (f"pre\npost <{status}>\n", status), done.stderr


@each_shell
@each_signal
def test_a_command_that_handles_it(name: str, shell: str, pod: Pod) -> None:
    trap = f"trap 'echo heard; exit 5' {heard_as(name, shell)}"
    with_command(pod, trap, "echo >up", WAIT)
    done = pod.signalled(shell, name, pause=0)
    assert (done.stdout, done.returncode) == ("pre\nheard\npost <5>\n", 5), done.stderr


@each_shell
def test_each_of_many_is_handed_on(shell: str, pod: Pod) -> None:
    program = (
        "import signal, sys\n"
        "heard = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: heard.append('TERM') or open(f'heard{len(heard)}', 'w'))\n"
        "open('up', 'w').close()\n"
        "while len(heard) < 5: signal.pause()\n"
        "print(len(heard)); sys.exit(0)\n"
    )
    pod.ready(job_of(["true"]))
    process = pod.start(shell, sys.executable, "-c", program)
    pod.wait_for("up")
    for count in range(1, 6):
        os.kill(process.pid, signal.SIGTERM)
        pod.wait_for(f"heard{count}")
    stdout, stderr = process.communicate(timeout=30)
    assert (stdout, process.returncode) == ("5\n", 0), stderr


@each_shell
@pytest.mark.parametrize("signal_name", ["CONT", "0"])
def test_a_group_gets_it_once(signal_name: str, shell: str) -> None:
    """A second one would end a command that has heard the first and takes its handlers away to end by itself."""
    part = (HERE / "shared" / "process_groups.sh").read_text()
    with start(["sleep", "60"]) as sleeping:
        script = f"set -x\n{part}\nkill_group {signal_name} {sleeping.pid} && ! kill_group {signal_name} 2222222"
        done = run([*(["busybox", "sh"] if shell == "busybox" else [shell]), "-c", script])
        sleeping.kill()
    assert [line for line in done.stderr.splitlines() if line.startswith("+ kill ")] == [
        f"+ kill -{signal_name} -{pid}" for pid in (sleeping.pid, 2222222)
    ]


@each_shell
def test_the_whole_command_gets_it(shell: str, pod: Pod) -> None:
    """A shell dies of TERM at once and leaves its child: without the group's signal it would run on."""
    program = 'import os, time; print(os.getpid(), file=open("id", "w"), flush=True); open("up", "w"); time.sleep(99)'
    with_command(pod, f"{sys.executable} -c '{program}'")
    pod.signalled(shell, "TERM", pause=0)
    assert not alive(int((pod.folder / "id").read_text()))


@each_shell
def test_what_the_command_leaves_running_ends_before_the_post_scripts(shell: str, pod: Pod) -> None:
    post = "cd '%s'; case $(cat /proc/$(cat left)/stat 2>&1) in *') '[RSD]*) echo alive ;; *) echo gone ;; esac\n"
    pod.plugin("a", post=post % str(pod.folder))
    loop = "(trap '' TERM; while :; do sleep 0.1; done) & echo $! >left"
    polite = "(trap 'echo bye; exit' TERM; while :; do sleep 0.1; done) &"
    pod.ready(job_of([f"cd '{pod.folder}'", polite, loop, "sleep 0.3", "exit 2"], entry("a")))
    if shell != "dash":  # one of them has the five seconds
        script = pod.work / "runtime.d" / "job.sh"
        assert "tries=50\n" in script.read_text()
        script.write_text(script.read_text().replace("tries=50\n", "tries=10\n"))
    done = pod.run(shell)
    assert not alive(int((pod.folder / "left").read_text()))
    assert sorted(done.stdout.split()) == ["bye", "gone"]
    assert done.returncode == 2
    assert "runtime: the command left processes running: ending them\n" in done.stderr


@each_shell
@pytest.mark.parametrize(("trap", "signals"), [("trap 'echo USR1' USR1", "USR1 TERM"), ("trap 'exit 0' TERM", "TERM")])
def test_a_signal_during_a_pre_script(trap: str, signals: str, shell: str, pod: Pod) -> None:
    """Also one that it takes for a success."""
    pre = f"{trap}; cd '{pod.folder}'; echo >up; {WAIT}\n"
    pod.plugin("a", pre=pre, post='echo "post a <$PAI_COMMAND_STATUS>"\n')
    pod.plugin("b", pre="echo pre b\n", post="echo post b\n")
    pod.ready(job_of(["echo command"], entry("a", "ignore"), entry("b")))
    done = pod.signalled(shell, *signals.split(), pause=0.3)
    assert (done.stdout, done.returncode) == ("post a <>\n", 143), done.stderr
    assert "a signal came before the command: it does not run" in done.stderr


@each_shell
def test_a_first_signal_lets_a_post_script_finish_and_a_second_ends_it(shell: str, pod: Pod) -> None:
    pod.plugin("a", post="echo last\n")
    pod.plugin("b", post=f"cd '{pod.folder}'; echo >up; sleep 2; echo post\n")
    pod.ready(job_of(["exit 4"], entry("a"), entry("b")))
    for signals, posts in ((["TERM"], "post\nlast\n"), (["TERM", "TERM"], "last\n")):
        done = pod.signalled(shell, *signals, pause=0.3)
        assert (done.stdout, done.returncode) == (posts, 4)
        (pod.folder / "up").unlink()


@each_shell
def test_a_signal_at_the_very_end_of_the_command(shell: str, pod: Pod) -> None:
    """The entry point may have its status already when it hears the signal: that status stands.

    bash 5.2 then sometimes loses it (its `wait` says -1 from then on), and the signal is told.
    """
    pod.ready(job_of())
    for _ in range(60):
        done = pod.run(shell, "sh", "-c", "trap '' TERM; kill -TERM $PPID; exit 3")
        assert done.returncode == 3 or (shell, done.returncode) == ("bash", 143), done.stderr


@each_shell
def test_signals_at_any_moment_are_never_lost(shell: str, pod: Pod) -> None:
    """Whenever TERM comes, the job ends soon, by that signal, with its post-script where its plugin began."""
    pod.plugin("a", pre="echo pre\n", post="echo post\n")
    pod.ready(job_of(["echo command", WAIT], entry("a")))
    for step in spread(range(25), 9):
        process = pod.start(shell)
        time.sleep(0.02 + step * 0.012)
        os.kill(process.pid, signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=20)
        if process.returncode == -signal.SIGTERM:  # before the first trap
            assert stdout == ""
        else:
            began = "plugins: a" in stderr
            assert (process.returncode, "post" in stdout) == (143, began), (step, stdout, stderr)
