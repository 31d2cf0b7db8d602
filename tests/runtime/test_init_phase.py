"""The init container: what it writes, what it refuses, and that a failing plugin leaves nothing."""

import os
import sys
import time
from pathlib import Path

import pytest
from tests.runtime.phase import REPOSITORY
from tests.runtime.pod import Pod, entry, job_of
from tests.runtime.test_init_scripts import KEY

from package_cache.exit_codes import ExitStatus
from package_cache.installer import joined
from package_cache.process import run

FAILED = ExitStatus.PLUGIN_FAILED.code
HEAD = "#!/bin/bash\n"


def test_what_lies_on_the_volume(pod: Pod) -> None:
    pod.plugin("a", pre="echo a\n")
    pod.plugin("b", post="echo b\n")
    pod.ready(job_of(["echo 1", "echo 2"], entry("a"), entry("b", "ignore"), entry("a")))
    assert pod.tree() == {
        "plan": "1 fail a\n2 ignore b\n3 fail a\n",
        "user.sh": f"{HEAD}echo 1\necho 2\n",
        "1-a.pre.sh": f"{HEAD}echo a\n",
        "2-b.post.sh": f"{HEAD}echo b\n",
        "3-a.pre.sh": f"{HEAD}echo a\n",
    }
    assert (pod.work / "runtime.d" / "job.sh").read_text() == joined(pod.runtime / "job.sh")
    assert os.access(pod.work / "runtime.d" / "job.sh", os.X_OK)


def test_another_user_can_read_it(pod: Pod) -> None:
    pod.plugin("a", pre="echo a\n", end="import os; os.chmod(pre, 0o600)")
    os.umask(0o077)
    try:
        pod.ready(job_of(["true"], entry("a")))
    finally:
        os.umask(0o022)
    assert {path.stat().st_mode & 0o444 for path in pod.job.parent.rglob("*") if path.is_file()} == {0o444}
    assert {path.stat().st_mode & 0o055 for path in (pod.job, pod.job.parent)} == {0o055}


def test_the_init_script_gets_the_whole_entry(pod: Pod) -> None:
    pod.plugin("a", end="open(pre, 'a').write(config)")
    pod.ready(job_of(["true"], entry("a", "ignore", parameters={"x": [1, "ü"]}, own=True)))
    assert pod.tree()["1-a.pre.sh"] == (
        f"{HEAD}failurePolicy: ignore\nown: true\nparameters:\n  x:\n  - 1\n  - ü\nplugin: a\n"
    )


def test_an_init_script_deeper_in_the_folder(pod: Pod) -> None:
    pod.plugin("a")
    folder = pod.runtime / "plugins" / "a"
    (folder / "desc.yaml").write_text("init-script: deeper/script.py")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "script.py").write_text("from plugins.plugin_utils import plugin_init\nplugin_init()\n")
    pod.ready(job_of(["true"], entry("a")))


def test_a_second_run_replaces_the_first(pod: Pod) -> None:
    pod.plugin("a", pre="echo a\n")
    pod.plugin("b", pre="echo b\n")
    pod.ready(job_of(["one"], entry("a"), entry("a")))
    pod.ready(job_of(["two"], entry("b")))
    assert pod.tree() == {"plan": "1 fail b\n", "user.sh": f"{HEAD}two\n", "1-b.pre.sh": f"{HEAD}echo b\n"}


NAMES = {"unknown": "none", "outside": "../plugins/good", "here": "."}
"""What the job calls the plugin, else `bad`."""

BROKEN = {
    "unknown": ("", "cannot find the plugin 'none' (FILE:3)\nhint: there are: bad, cmd, good, nfs, ssh"),
    "outside": ("", "cannot use the plugin '../plugins/good': that is not a plugin's name"),
    "here": ("", "cannot use the plugin '.': that is not a plugin's name"),
    "no description": ("rm desc.yaml", "desc.yaml: No such file or directory (FILE:3)"),
    "not YAML": ("echo 'a: [' >desc.yaml", "desc.yaml: it is not YAML"),
    "binary": (r"printf 'init-script: \0' >desc.yaml", "desc.yaml: it is not YAML"),
    "not a mapping": ("echo '- x' >desc.yaml", "it must be a mapping, not ['x']"),
    "no script named": (
        "echo 'name: bad' >desc.yaml",
        "it names no init-script (FILE:3)\nhint: write init-script: init.py",
    ),
    "a number": ("echo 'init-script: 3' >desc.yaml", "it names no init-script"),
    "missing script": ("rm init.py", "cannot find the init script of the plugin 'bad'"),
    "script outside": (
        "echo 'init-script: ../good/init.py' >desc.yaml",
        "init-script '../good/init.py' is outside of the plugin's folder",
    ),
    "absolute script": ('echo "init-script: ${PWD%bad}good/init.py" >desc.yaml', "is outside of the plugin's folder"),
    "link outside": ("ln -sf ../good/init.py init.py", "is outside of the plugin's folder"),
    "links in a circle": ("rm init.py; ln -s init.py init.py", "cannot find the init script of the plugin 'bad'"),
    "a folder": ("rm init.py; mkdir init.py", "init-script 'init.py' is not a file"),
    "status": ("echo 'sys.exit(4)' >>init.py", "plugin 'bad': its init script ended with status 4 (FILE:3)"),
    "killed": (
        "echo 'import os; os.kill(os.getpid(), 9)' >>init.py",
        "cannot prepare the plugin 'bad': its init script was ended by signal 9",
    ),
    "hanging": (
        'echo \'import subprocess; subprocess.run(["sleep", "1000"])\' >>init.py',
        "cannot prepare the plugin 'bad': its init script did not end within 1.5 s",
    ),
}
"""What is done in the folder of a plugin, and what is said then."""


@pytest.mark.parametrize("policy", ["fail", "ignore"])
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin(kind: str, policy: str, pod: Pod) -> None:
    script, said = BROKEN[kind]
    pod.plugin("good", pre="echo good\n")
    pod.plugin("bad", pre="echo half\n")
    run(["sh", "-c", script], cwd=pod.runtime / "plugins" / "bad")
    began = time.monotonic()
    done = pod.init(job_of(["true"], entry(NAMES.get(kind, "bad"), policy), entry("good")), "--limit", "1.5")
    assert said.replace("FILE", str(pod.folder / "job.yaml")) in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 20
    if policy == "fail":
        assert done.returncode == FAILED
        assert "plan" not in pod.tree()
    else:
        assert done.returncode == 0
        assert "the job goes on without this plugin: its failurePolicy is ignore" in done.stderr
        written = {"plan": "2 fail good\n", "user.sh": f"{HEAD}true\n", "2-good.pre.sh": f"{HEAD}echo good\n"}
        assert pod.tree() == written


def test_a_failing_run_leaves_no_plan_of_a_former_one(pod: Pod) -> None:
    pod.plugin("a")
    pod.ready(job_of(["true"], entry("a")))
    assert pod.init(job_of(["true"], entry("none"))).returncode == FAILED
    assert "plan" not in pod.tree()


def test_too_long_a_configuration_for_an_argument(pod: Pod) -> None:
    pod.plugin("a")
    done = pod.init(job_of(["true"], entry("a", parameters={"x": "y" * 200_000})))
    assert done.returncode == FAILED
    assert "cannot start the init script of the plugin 'a': Argument list too long" in done.stderr


def test_what_a_plugin_leaves_running_ends(pod: Pod) -> None:
    late = "import subprocess; subprocess.Popen(['sh', '-c', 'sleep 1; echo late >>\"$1\"', 'sh', pre])"
    pod.plugin("a", end=late)
    pod.plugin("b", end="import time; time.sleep(2)")
    pod.ready(job_of(["true"], entry("a"), entry("b")))
    assert list(pod.tree()) == ["plan", "user.sh"]


@pytest.mark.parametrize("kind", ["a file", "read-only"])
def test_a_volume_that_takes_nothing(kind: str, pod: Pod) -> None:
    if kind == "a file":
        pod.work.write_text("")
    else:
        pod.work = Path("/proc/none")
    done = pod.init(job_of())
    assert done.returncode == ExitStatus.READ_ONLY.code
    assert "Traceback" not in done.stderr


def test_the_entry_is_for_some_task_roles_only(pod: Pod) -> None:
    pod.plugin("a", pre="a\n")
    job = """\
taskRoles: {one: {commands: [echo one]}, two: {commands: [echo two]}}
extras:
  com.microsoft.pai.runtimeplugin:
    - {plugin: a, taskRoles: [one]}
    - {plugin: a, taskroles: [two]}
    - {plugin: a}
    - {plugin: a, taskroles: []}
"""
    done = pod.init(job)
    assert done.returncode == ExitStatus.USAGE.code
    assert "cannot tell which task role" in done.stderr
    assert not pod.work.exists()
    assert pod.init(job, "--task-role", "two").returncode == 0
    assert pod.tree()["plan"] == "1 fail a\n2 fail a\n"
    assert pod.tree()["user.sh"] == f"{HEAD}echo two\n"
    assert pod.init(job, PAI_CURRENT_TASK_ROLE_NAME="one").returncode == 0
    assert pod.tree()["user.sh"] == f"{HEAD}echo one\n"
    wrong = pod.init(job, "--task-role", "three")
    assert (wrong.returncode, "those there are: one, two" in wrong.stderr) == (ExitStatus.USAGE.code, True)


def test_the_job_named_by_the_environment(pod: Pod) -> None:
    script, option, file = pod.init_argv(job_of(["true"]))[1:]
    variables = {**pod.environment(), "PAI_JOB_CONFIG": file}
    assert run([sys.executable, script], env=variables, check=False, timeout=60).returncode == 0
    missing = run([sys.executable, script, option, "/nowhere/job.yaml"], env=variables, check=False, timeout=60)
    assert missing.returncode == ExitStatus.BAD_MANIFEST.code
    assert "cannot read the job /nowhere/job.yaml: No such file or directory" in missing.stderr


BLOCK = """\
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Block())
"""
LIBRARIES = ["click", "rich", "debian", "zstandard", "tomli_w"]


def blocking(folder: Path, names: list[str]) -> dict[str, str]:
    """Return the environment of a Python, and all that it starts, which cannot import these."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(BLOCK.format(names=set(names)))
    return {"PYTHONPATH": f"{site}:{REPOSITORY / 'src'}"}


def test_the_libraries_are_blocked(tmp_path: Path) -> None:
    variables = blocking(tmp_path, LIBRARIES)
    for name in LIBRARIES:
        done = run([sys.executable, "-c", f"import {name}"], env=variables, check=False)
        assert f"blocked: {name}" in done.stderr


def test_all_plugins_without_the_libraries_that_preparing_a_cache_takes(pod: Pod) -> None:
    """The cache is an empty folder, so that staging begins, and all of its imports are made."""
    (pod.folder / "no cache").mkdir()
    entries = [
        entry("ssh", parameters={"public-key": KEY}),
        entry("nfs"),
        entry("cmd", parameters={"callbacks": [{"event": "taskStarts", "commands": ["true"]}]}),
    ]
    done = pod.init(job_of(["true"], *entries), **blocking(pod.folder, LIBRARIES))
    assert done.returncode == 0, done.stderr
    assert "cannot stage group ssh" in done.stderr
    assert "blocked" not in done.stderr
    assert "Traceback" not in done.stderr
    assert pod.tree()["plan"] == "1 fail ssh\n2 fail nfs\n3 fail cmd\n"


@pytest.mark.parametrize("missing", ["yaml", "package_cache"])
def test_what_is_needed_and_missing_is_named(missing: str, pod: Pod) -> None:
    done = pod.init(job_of(), **blocking(pod.folder, [missing]))
    assert done.returncode == 8
    assert done.stderr.startswith(f"runtime: cannot import {missing}: ")
    assert len(done.stderr.splitlines()) == 1
