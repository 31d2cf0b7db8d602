"""The plugin cmd in a pod: which callback runs when, and what it refuses."""

from collections.abc import Mapping

import pytest
import yaml
from tests.runtime.phase import PLUGINS, init_phase
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


ONE = {"event": "taskStarts", "commands": ["true"]}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (None, "there is nothing to do: write parameters.callbacks"),
        ({"callbacks": []}, "parameters.callbacks must be a list of callbacks, not []"),
        ({"callbacks": ONE}, "parameters.callbacks must be a list of callbacks"),
        ({"callbacks": [ONE, "x"]}, "parameters.callbacks[1] must be a mapping with event and commands, not 'x'"),
        ({"callbacks": [{**ONE, "event": "taskFails"}]}, "event must be one of taskStarts, containerStarts, taskSucc"),
        ({"callbacks": [{**ONE, "event": ["taskStarts"]}]}, "not ['taskStarts']"),
        ({"callbacks": [{"commands": ["true"]}]}, "parameters.callbacks[0].event must be one of"),
        ({"callbacks": [{"event": "taskStarts"}]}, "callbacks[0].commands must be a list of shell commands, not None"),
        ({"callbacks": [{**ONE, "commands": "true"}]}, "commands must be a list of shell commands, not 'true'"),
        ({"callbacks": [{**ONE, "commands": ["true", 3]}]}, "commands[1] must be a shell command, as a text, not 3"),
        ({"callbacks": [{**ONE, "commands": [" "]}]}, "commands[0] must be a shell command"),
        ({"callbacks": [{**ONE, "commands": ["a\0b"]}]}, "commands[0] holds a NUL character"),
        ({"callbacks": [{**ONE, "command": "x"}]}, "unknown key 'command': write one of event, commands"),
        ({"callbacks": [ONE], "preCommands": ["true"]}, "say the same thing: write callbacks only"),
        ({"preCommands": "true"}, "parameters.preCommands must be a list of shell commands"),
        ({"commands": ["true"]}, "unknown parameter 'commands': write one of callbacks, preCommands, postCommands"),
    ],
)
def test_what_it_refuses(parameters: object, message: str, pod: Pod) -> None:
    scripts = init_phase(PLUGINS / "cmd", yaml.safe_dump({"plugin": "cmd", "parameters": parameters}), pod.folder)
    assert (scripts.result.returncode, message in scripts.result.stderr) == (2, True), scripts.result.stderr
    assert len(scripts.result.stderr.splitlines()) == 1
    assert (scripts.pre, scripts.post) == ("#!/bin/bash\n", "#!/bin/bash\n")
