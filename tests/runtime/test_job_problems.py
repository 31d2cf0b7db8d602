"""A job's YAML that is wrong: all problems at once, each with its line, and nothing is written."""

import pytest
from tests.runtime.pod import Pod

from package_cache.exit_codes import ExitStatus

ALL = """\
taskRoles:
  main:
    commands: [echo a, 3, {b: c}]
  other: {}
  third:
    commands: echo
extras:
  com.microsoft.pai.runtimeplugin:
    - plugin: [ssh]
      failurePolicy: retry
    - parameters: {a: <% $secrets.key %>}
      failurepolicy: ignore
    - ssh
    - plugin: ssh
      plugin: nfs
      taskRoles: [nobody]
    - plugin: a
      parameters: {x: !!python/name:os.system }
      failurePolicy: [fail]
"""

ALL_PROBLEMS = """\
3:24: taskRoles.main.commands[1]: must be a text, not 3
3:27: taskRoles.main.commands[2]: must be a text, not a mapping
4:10: taskRoles.other.commands: is missing
6:15: taskRoles.third.commands: must be a list
9:15: extras.com.microsoft.pai.runtimeplugin[0].plugin: must be a text, not a list
10:22: extras.com.microsoft.pai.runtimeplugin[0].failurePolicy: is unknown: 'retry'
11:7: extras.com.microsoft.pai.runtimeplugin[1].plugin: is missing
11:23: extras.com.microsoft.pai.runtimeplugin[1]: holds the reference <% $secrets.key %>
12:7: extras.com.microsoft.pai.runtimeplugin[1].failurepolicy: is not known
13:7: extras.com.microsoft.pai.runtimeplugin[2]: must be a mapping
15:7: extras.com.microsoft.pai.runtimeplugin[3].plugin: is there twice
16:19: extras.com.microsoft.pai.runtimeplugin[3].taskRoles[0]: there is no task role 'nobody'
18:23: holds the tag tag:yaml.org,2002:python/name:os.system
19:22: extras.com.microsoft.pai.runtimeplugin[4].failurePolicy: is unknown: ['fail']
"""


def test_all_at_once(pod: Pod) -> None:
    done = pod.init(ALL)
    assert done.returncode == ExitStatus.BAD_MANIFEST.code
    file = pod.folder / "job.yaml"
    lines = done.stderr.splitlines()
    assert lines[0] == f"runtime: cannot prepare the job {file}"
    assert lines[1::2] == [f"{file}:{line}" for line in ALL_PROBLEMS.splitlines()]
    assert all(line.startswith("    ") for line in lines[2::2])
    assert not pod.work.exists()


MAIN = "taskRoles: {main: {commands: [a]}}\n"
LIST = f"{MAIN}extras:\n  com.microsoft.pai.runtimeplugin:"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "job.yaml: is empty"),
        ("a: [", "job.yaml:1:5: is not YAML: expected the node content"),
        ("a: 1\n\tb: 2", "job.yaml:2:1: is not YAML: found character '\\t'"),
        ("a: \x01", "is not YAML: unacceptable character"),
        ("a: 1\n---\nb: 2", "job.yaml:2:1: is not YAML: but found another document"),
        ("a: *b", "job.yaml:1:4: holds the alias *b"),
        ("a: &b 1", "job.yaml:1:4: holds the anchor &b"),
        ("a: !!str 1", "job.yaml:1:4: holds the tag tag:yaml.org,2002:str"),
        ("[" * 3000, "job.yaml:1: has more than 50 levels"),
        ("- a", "job.yaml:1:1: must be a mapping"),
        ("name: x", "job.yaml:1:1: taskRoles: is missing"),
        ("taskRoles: {}", "taskRoles: is empty"),
        ("taskRoles: [main]", "taskRoles: must be a mapping"),
        ("taskRoles: {? [a] : b}", "taskRoles: has a key that is no text"),
        ("taskRoles: {main: {commands: []}}", "taskRoles.main.commands: is empty"),
        ('taskRoles: {main: {commands: ["a\\0b"]}}', "taskRoles.main.commands: holds a NUL character"),
        ("taskRoles: {main: {commands: ['echo <% $parameters.a %>']}}", "holds the reference <% $parameters.a %>"),
        (f"{MAIN}extras: 1", "extras: must be a mapping"),
        (f"{MAIN}extras:\n  com.microsoft.pai.runtimeplugins: []", ":3:3: extras.com.microsoft.pai.runtimeplugins: is"),
        (f"{LIST} ssh", "extras.com.microsoft.pai.runtimeplugin: must be a list"),
        (f"{LIST} [{{plugin: a, when: 2024-13-45}}]", "cannot be read: month must be in 1..12"),
        (f"{LIST} [{{plugin: a, n: {'9' * 5000}}}]", "cannot be read: Exceeds the limit"),
        (f"{LIST} [{{plugin: a, ? [1] : 2}}]", "has a key that is no text"),
        (f"{LIST} [{{plugin: a, <<: 3}}]", ":3:49: holds the merge key <<"),
        (f"{LIST} [{{plugin: a, taskroles: main}}]", ".taskroles: must be a list"),
    ],
)
def test_one_problem(text: str, problem: str, pod: Pod) -> None:
    done = pod.init(text)
    assert (done.returncode, problem in done.stderr) == (ExitStatus.BAD_MANIFEST.code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not pod.work.exists()


def test_a_file_that_is_not_utf_8(pod: Pod) -> None:
    pod.init_argv("")
    (pod.folder / "latin.yaml").write_bytes(b"a: 1\nb: \xfc\n")
    done = pod.init("", "--job", str(pod.folder / "latin.yaml"))
    assert (done.returncode, "latin.yaml:2: is not UTF-8" in done.stderr) == (ExitStatus.BAD_MANIFEST.code, True)
