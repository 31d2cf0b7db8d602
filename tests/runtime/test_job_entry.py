"""The job's entry point, in each shell: order, statuses, policies, and what it says."""

import re

import pytest
from tests.runtime.pod import Pod, each_shell, entry, job_of

from package_cache.exit_codes import ExitStatus
from package_cache.process import run

POST = 'echo "post %s after <${PAI_COMMAND_STATUS-unset}>"\n'


def with_plugins(pod: Pod, first: str, second: str = "echo pre b\n", policy: str = "fail", command: str = "") -> None:
    """Prepare a job of two plugins; `policy` is the first one's."""
    pod.plugin("a", pre=first, post=POST % "a")
    pod.plugin("b", pre=second, post=POST % "b")
    pod.ready(job_of([command or "echo command"], entry("a", policy), entry("b")))


@each_shell
@pytest.mark.parametrize("status", [0, 1, 77, 255])
def test_the_order_and_the_status_of_the_command(status: int, shell: str, pod: Pod) -> None:
    with_plugins(pod, "echo pre a\n", command=f"echo command; exit {status}")
    done = pod.run(shell)
    posts = f"post b after <{status}>\npost a after <{status}>\n"
    assert (done.stdout, done.returncode) == (f"pre a\npre b\ncommand\n{posts}", status)
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"runtime: plugins: a \d s; b \d s", lines[0])
    assert re.fullmatch(rf"runtime: seconds: plugins \d, command \d, post-scripts \d; status {status}", lines[1])
    assert len(lines) == 2


FAILURES = {"exit 3": 3, "if": 2, "kill -9 $$": 137, "set -o errexit\nfalse\necho on": 1, "set -u\necho $none_such": 0}


@each_shell
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("policy", ["fail", "ignore"])
def test_a_failing_pre_script(policy: str, failure: str, shell: str, pod: Pod) -> None:
    with_plugins(pod, f"{failure}\n", policy=policy)
    done = pod.run(shell)
    if policy == "ignore":
        assert (done.stdout, done.returncode) == ("pre b\ncommand\npost b after <0>\npost a after <0>\n", 0)
        assert "the job goes on, its failurePolicy is ignore" in done.stderr
    else:
        assert done.stdout == "post a after <>\n"
        assert done.returncode == FAILURES[failure] or (FAILURES[failure] == 0 and done.returncode != 0)
        assert "a plugin failed whose failurePolicy is fail: the command does not run" in done.stderr


@each_shell
def test_post_scripts_of_those_that_began_only(shell: str, pod: Pod) -> None:
    with_plugins(pod, "echo pre a\n", second="exit 5\n")
    pod.plugin("c", pre="echo pre c\n", post="echo post c\n")
    pod.ready(job_of(["echo command"], entry("a"), entry("b"), entry("c")))
    done = pod.run(shell)
    assert (done.stdout, done.returncode) == ("pre a\npost b after <>\npost a after <>\n", 5)


@each_shell
@pytest.mark.parametrize("status", [0, 4])
def test_a_failing_post_script_changes_nothing(status: int, shell: str, pod: Pod) -> None:
    pod.plugin("a", post="echo post a\n")
    pod.plugin("b", post="exit 9\n")
    pod.ready(job_of([f"exit {status}"], entry("a"), entry("b")))
    done = pod.run(shell)
    assert (done.stdout, done.returncode) == ("post a\n", status)
    assert "runtime: plugin b: its post-script ended with status 9\n" in done.stderr


@each_shell
def test_arguments_replace_the_command(shell: str, pod: Pod) -> None:
    with_plugins(pod, "echo pre a\n")
    done = pod.run(shell, "sh", "-c", 'echo "$1"; exit 6', "sh", "two  words *")
    assert done.stdout.splitlines()[2] == "two  words *"
    assert done.returncode == 6


@each_shell
def test_a_command_that_is_not_there(shell: str, pod: Pod) -> None:
    pod.ready(job_of())
    assert pod.run(shell, "no such command").returncode == 127


@each_shell
def test_the_command_reads_the_standard_input(shell: str, pod: Pod) -> None:
    pod.plugin("a", pre="cat\n", post="cat\n")
    pod.ready(job_of(["cat; echo end"], entry("a"), entry("a")))
    assert pod.run(shell, stdin="line\n").stdout == "line\nend\n"


@each_shell
def test_closed_standard_streams(shell: str, pod: Pod) -> None:
    pod.ready(job_of([f"echo command >{pod.folder / 'out'}; exit 3"]))
    argv = pod.job_argv(shell)
    done = run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *argv], check=False, timeout=60)
    assert done.returncode == 3
    assert (pod.folder / "out").read_text() == "command\n"


@each_shell
def test_commands_are_lines_of_one_script(shell: str, pod: Pod) -> None:
    pod.ready(job_of(["cd /", "x='a b'", "false", 'echo "$x" in $PWD # end', "cat <<END\nhere\nEND"]))
    done = pod.run(shell)
    assert (done.stdout, done.returncode) == ("a b in /\nhere\n", 0)


def test_bash_runs_the_scripts_where_the_image_has_it(pod: Pod) -> None:
    pod.plugin("a", pre='echo "${BASH_VERSION:+bash}"\n', post='echo "${BASH_VERSION:+bash}"\n')
    pod.ready(job_of(['echo "${BASH_VERSION:+bash}"'], entry("a")))
    assert pod.run("dash").stdout == "bash\nbash\nbash\n"
    assert pod.run("busybox").stdout == "\n\n\n"


@each_shell
@pytest.mark.parametrize("missing", ["job", "job/plan", "job/user.sh"])
def test_a_volume_that_is_not_complete(missing: str, shell: str, pod: Pod) -> None:
    with_plugins(pod, "echo pre a\n")
    path = pod.work / "runtime.d" / missing
    path.rename(path.with_name("aside"))
    done = pod.run(shell, "echo", "no")
    assert (done.stdout, done.returncode) == ("", ExitStatus.PLUGIN_FAILED.code)
    assert done.stderr == (
        f"runtime: cannot run the job: {pod.job} is not complete: "
        "the init container did not finish, or the volume is not mounted\n"
    )


@each_shell
def test_it_can_run_again(shell: str, pod: Pod) -> None:
    """Kubernetes restarts a job's container without its init containers."""
    with_plugins(pod, "echo pre a\n")
    assert pod.run(shell).stdout == pod.run(shell).stdout


STAND_IN = """\
for group; do :; done
case ${group} in one) exit 0 ;; *) exit 13 ;; esac
"""

SERVED = f"""\
import os
from pathlib import Path
from package_cache.filesystem.paths import text_digest
from package_cache.plugin.command import Staged, installing_command
from plugins.plugin_utils import plugin_init, PluginHelper
plugin_config, pre, _ = plugin_init()
helper = PluginHelper(plugin_config)
installer = Path(os.environ["PAI_WORK_DIR"], "stand-in.sh")
installer.write_text({STAND_IN!r})
staged = Staged(installer, text_digest({STAND_IN!r}), installer.parent, ())
commands = [installing_command("one", staged, ["true"]), installing_command("two", staged, ["exit 8"])]
helper.inject_commands(commands, pre)
"""


@each_shell
def test_who_served_is_in_the_summary(shell: str, pod: Pod) -> None:
    place = pod.runtime / "plugins" / "both"
    place.mkdir()
    (place / "desc.yaml").write_text("init-script: both.py")
    (place / "both.py").write_text(SERVED)
    pod.ready(job_of(["true"], entry("both", "ignore"), entry("both")))
    done = pod.run(shell)
    assert done.returncode == 8
    summary = next(line for line in done.stderr.splitlines() if line.startswith("runtime: plugins:"))
    assert re.fullmatch(
        r"runtime: plugins: both \d s (?P<served>\(one by the cache, two not by the cache: status 13\)); "
        r"both \d s, failed with status 8 (?P=served)",
        summary,
    )
