"""The plugin cmd in a pod: which callback runs when."""

from collections.abc import Mapping

import pytest
from tests.runtime.pod import Pod, each_shell, entry, job_of

EVENTS = ("taskStarts", "containerStarts", "taskSucceeds", "containerEnds")


def callbacks(*events: str, commands: tuple[str, ...] = ("echo %s",)) -> Mapping[str, object]:
    of = [{"event": event, "commands": [one.replace("%s", event) for one in commands]} for event in events]
    return {"callbacks": of}


@each_shell
@pytest.mark.parametrize(
    ("command", "after"), [("true", ["taskSucceeds", "containerEnds"]), ("exit 3", ["containerEnds"])]
)
@pytest.mark.parametrize("policy", ["fail", "ignore"])
def test_each_event(policy: str, command: str, after: list[str], shell: str, pod: Pod) -> None:
    pod.ready(job_of(["echo command", command], entry("cmd", policy, parameters=callbacks(*EVENTS))))
    done = pod.run(shell)
    assert done.stdout.split() == ["taskStarts", "containerStarts", "command", *after]
    assert done.returncode == (3 if "exit" in command else 0)


@each_shell
def test_nothing_is_a_success_that_did_not_run(shell: str, pod: Pod) -> None:
    pod.plugin("bad", pre="exit 4\n")
    pod.ready(job_of(["true"], entry("cmd", parameters=callbacks(*EVENTS)), entry("bad")))
    done = pod.run(shell)
    assert (done.stdout.split(), done.returncode) == (["taskStarts", "containerStarts", "containerEnds"], 4)


@each_shell
def test_a_failing_callback_before_the_task(shell: str, pod: Pod) -> None:
    failing = callbacks("taskStarts", commands=("exit 7", "echo not"))
    pod.ready(job_of(["echo command"], entry("cmd", parameters=failing)))
    assert (pod.run(shell).stdout, pod.run(shell).returncode) == ("", 7)
    pod.ready(job_of(["echo command"], entry("cmd", "ignore", parameters=failing)))
    assert (pod.run(shell).stdout, pod.run(shell).returncode) == ("command\n", 0)


@each_shell
def test_any_commands_and_cmd_twice(shell: str, pod: Pod) -> None:
    odd = callbacks("taskSucceeds", commands=("echo a # comment", "cat <<END\nit's\nEND", "false", "echo not"))
    older = {"preCommands": ["echo first"], "postCommands": ["echo $PAI_COMMAND_STATUS"]}
    pod.ready(job_of(["true"], entry("cmd", parameters=older), entry("cmd", parameters=odd)))
    done = pod.run(shell)
    assert (done.stdout, done.returncode) == ("first\na\nit's\n0\n", 0)
