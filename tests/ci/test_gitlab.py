"""The template for GitLab: valid, and its scripts in the order of a pipeline, in a root without a network."""

import shlex
import sys
from pathlib import Path

import yaml
from tests.ci.conftest import ENVIRONMENT, Runner
from tests.support.lab import Container

from package_cache.cache.layout import FORMAT
from package_cache.process import Completed, run

TEMPLATE = Path(__file__).parents[2] / "ci/gitlab/package-cache.yml"
JOBS = yaml.safe_load(TEMPLATE.read_text())


def play(machine: Container, job: str, section: str, **variables: str) -> Completed:
    """Run a section of a job as GitLab's runner does: its lines in one shell, which ends at the first failure."""
    given = {**JOBS[job]["variables"], **variables}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in given.items())
    text = f"set -e\ncd /project\n{exports}" + "\n".join(JOBS[job][section])
    return machine.run(["sh", "-s"], stdin=text, env=ENVIRONMENT, check=False, timeout=300)


def test_the_public_schema_accepts_the_template() -> None:
    options = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    done = run([sys.executable, "-m", "check_jsonschema", *options, str(TEMPLATE)], check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_entry_is_of_this_format_and_only_the_build_writes_it() -> None:
    build, job = JOBS["package-cache"]["cache"], JOBS[".package-cache"]["cache"]
    assert build == {**job, "policy": "pull-push"}
    assert (job["policy"], job["key"]["prefix"]) == ("pull", f"package-cache-{FORMAT}")


def test_a_pipeline(runner: Runner) -> None:
    for name in ("git", "mmdebstrap", "runc"):
        runner.add(name)
    runner.archive.publish()
    machine = runner.machine()
    machine.run(["sh", "-c", "mkdir /project && echo tools,ubuntu24.04,tool >/project/package_cache_info"])
    miss = play(machine, ".package-cache", "before_script", PACKAGE_CACHE_GROUPS="tools")
    assert miss.returncode == 1
    unnamed = play(machine, "package-cache", "script")
    assert unnamed.returncode != 0
    assert "name what pip installs" in unnamed.stderr
    for said in ("1 group folder, 2 packages", "is there already"):
        built = play(machine, "package-cache", "script", PACKAGE_CACHE_SOURCE="/action")
        assert built.returncode == 0, built.stdout + built.stderr
        assert said in built.stdout
    fallback = {"PACKAGE_CACHE_GROUPS": "tools", "PACKAGE_CACHE_FALLBACK": "tool other"}
    hit = play(machine, ".package-cache", "before_script", **fallback)
    assert hit.returncode == 0, hit.stderr
    assert "tools installed: 2 packages" in hit.stdout
    machine.run(["sh", "-c", "rm -r /project/package_cache; dpkg --purge tool"])
    fell_back = play(machine, ".package-cache", "before_script", **fallback)
    assert fell_back.returncode == 0, fell_back.stderr
    assert "falling back to apt-get" in fell_back.stderr
    assert machine.run(["dpkg-query", "-W", "tool", "other"]).stdout == "other\t1.0\ntool\t1.0\n"
