"""What the action makes of its inputs, without a runner: its first step, and the file that declares them."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from package_cache.cache.layout import FORMAT
from package_cache.installer import HERE
from package_cache.process import Completed, run

PROJECT = Path(__file__).parent.parent.parent
ACTION = yaml.safe_load((PROJECT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]


@dataclass
class Answer:
    """What the first step came to."""

    status: int
    said: str
    outputs: dict[str, str]


def ask(folder: Path, *, user: str = "0", **inputs: str) -> Answer:
    """Run the first step in the workspace `folder` as a user with that id and without sudo."""
    (tools := folder / ".tools").mkdir(exist_ok=True)
    for name, text in {"id": f"echo {user}", "sudo": "exit 1", "apt-get": "exit 1", "dpkg": "echo amd64"}.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    (output := folder / ".output").write_text("")
    env = {
        "PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder),
        "GITHUB_WORKSPACE": str(folder), "GITHUB_OUTPUT": str(output),
        "FALLBACK": "true", "SKIP_MAN_DB": "false", **{name.upper(): value for name, value in inputs.items()},
    }  # fmt: skip
    argv = ["sh", "-e", "-c", "sh ../../../ci/github/request.sh"]
    done = subprocess.run(argv, cwd=HERE, env=env, capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr == ""
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return Answer(done.returncode, done.stdout, outputs)


def check_schema(*files: Path, schema: str = "vendor.github-actions") -> Completed:
    """Validate files by a schema of SchemaStore, which check-jsonschema carries."""
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    return run(argv, check=False, timeout=60)


def test_the_public_schema_accepts_the_action(tmp_path: Path) -> None:
    done = check_schema(PROJECT / "action.yml")
    assert done.returncode == 0, done.stdout
    (wrong := tmp_path / "action.yml").write_text((PROJECT / "action.yml").read_text().replace("shell: sh", "shel: sh"))
    assert check_schema(wrong).returncode == 1


def test_no_input_is_part_of_a_script_or_a_path() -> None:
    assert [step["run"] for step in STEPS if "${{" in step.get("run", "")] == []
    used = [value for step in STEPS if "uses" in step for value in step["with"].values()]
    assert [value for value in used if "inputs." in value] == []


def test_other_actions_are_named_by_their_commits() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", name)] == []


def test_every_input_reaches_a_step() -> None:
    used = set(re.findall(r"\$\{\{ inputs\.([a-z-]+) \}\}", (PROJECT / "action.yml").read_text()))
    assert used == set(ACTION["inputs"])


def test_the_format_in_the_key_is_that_of_caches(tmp_path: Path) -> None:
    assert ask(tmp_path, packages="tool").outputs["key"].startswith(f"package-cache-{FORMAT}-")


@pytest.mark.parametrize(
    "text",
    [
        "--option", "tool-", "tool*", "tool/noble", "./tool.deb", "task^", "$(id)", "`id`", "tool;id", "a", "Tool",
        "tool%0A::x", "too\x1b[1ml", "tööl", "'", '"', "\\", "=1.0", "tool=1.0\r::error::x", "##[add-mask]x",
    ],
)  # fmt: skip
def test_a_hostile_package_is_refused(text: str, tmp_path: Path) -> None:
    answer = ask(tmp_path, packages=f"fine {text} also-fine")
    assert answer.status == 2
    begin, _, rest = answer.said.partition("packages: packages: ")
    assert begin == "::error title=Package Cache::cannot install "
    assert re.fullmatch(r"'[\w=./? :@~+-]*' is not a package as in .*\n", rest, re.ASCII)
    assert answer.outputs == {}


@pytest.mark.parametrize("text", ["g++", "tool=1:2.0~rc1-1", "lib:i386", "a.b+c=0.1", "x\n  y\t z\n"])
def test_what_apt_accepts_is_accepted(text: str, tmp_path: Path) -> None:
    text = text.replace("x", "one").replace("y", "two").replace("z", "three")
    assert ask(tmp_path, packages=text).outputs["packages"].split() == sorted(text.split())


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "packages: it is empty, and there is no manifest"),
        ({"packages": "tool", "manifest": "m"}, "manifest and groups name packages as well"),
        ({"packages": "tool", "fallback": "yes"}, "fallback: 'yes' is neither true nor false"),
        ({"packages": "tool", "skip_man_db": ""}, "skip-man-db: '' is neither true nor false"),
        ({"manifest": "absent"}, "there is no file absent in the workspace"),
        ({"manifest": "../m"}, "manifest: it is not a path below the workspace"),
        ({"manifest": "/etc/passwd"}, "manifest: it is not a path below the workspace"),
        ({"manifest": "a\nb"}, "manifest: it has control characters"),
        ({"manifest": "m", "wanted_groups": "../x"}, "groups: '../x' is not a group's name"),
        ({"manifest": "m", "repositories": "x"}, "repositories: it needs packages"),
        ({"packages": "a-tool " * 10000}, "packages: it has more than 65536 characters"),
    ],
)
def test_wrong_inputs(inputs: dict[str, str], said: str, tmp_path: Path) -> None:
    (tmp_path / "m").write_text("tools,ubuntu24.04,tool\n")
    answer = ask(tmp_path, **inputs)
    assert (answer.status, answer.outputs) == (2, {})
    assert said in answer.said


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = ask(tmp_path, packages="A B", fallback="no").said
    assert ["'A'" in said, "'B'" in said, "fallback" in said] == [True, True, True]


def test_a_user_without_sudo_is_told_what_to_do(tmp_path: Path) -> None:
    answer = ask(tmp_path, packages="tool", user="1001")
    assert answer.status == 20
    assert "this is user 1001, who has no sudo without a password; run the job as root" in answer.said


def test_the_same_request_has_the_same_key_in_any_order(tmp_path: Path) -> None:
    keys = {ask(tmp_path, packages=text).outputs["key"] for text in ("tool other", " other\n tool tool\n")}
    assert len(keys) == 1


def test_every_part_of_a_request_makes_another_key(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("tools,ubuntu24.04,tool\n")
    rows: list[dict[str, str]] = [
        {"packages": "tool"}, {"packages": "other"}, {"packages": "tool=1.0"}, {"packages": "tool", "cache_key": "2"},
        {"packages": "tool", "repositories": "x"}, {"manifest": "m"}, {"manifest": "m", "wanted_groups": "tools"},
    ]  # fmt: skip
    keys = [ask(tmp_path, **row).outputs["key"] for row in rows]
    (tmp_path / "m.lock").write_text("a lock")
    keys.append(ask(tmp_path, manifest="m").outputs["key"])
    (tmp_path / "m.lock").write_text("another lock")
    keys.append(ask(tmp_path, manifest="m").outputs["key"])
    (tmp_path / "m").write_text("tools,ubuntu24.04,other\n")
    keys.append(ask(tmp_path, manifest="m").outputs["key"])
    assert len(set(keys)) == len(keys)


def test_text_in_an_input_only_matters_for_the_key(tmp_path: Path) -> None:
    hostile = "$(touch .ran)`touch .ran`\n::error::x\nkey=evil"
    answer = ask(tmp_path, packages="tool", cache_key=hostile, repositories=hostile)
    assert answer.status == 0
    assert re.fullmatch(r"package-cache-1-[a-z0-9.]+-amd64-[0-9a-f]{16}-", answer.outputs["key"])
    assert answer.said == ""
    assert not list(tmp_path.rglob(".ran"))


def test_what_the_document_shows_fits_the_action_and_the_schema_of_workflows(tmp_path: Path) -> None:
    shown = re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs/ci.md").read_text(), re.DOTALL)
    workflows = [workflow for text in shown if (workflow := as_workflow(yaml.safe_load(text)))]
    assert len(workflows) == 2
    files = [tmp_path / f"{number}.yml" for number in range(len(workflows))]
    for file, workflow in zip(files, workflows, strict=True):
        file.write_text(yaml.safe_dump(workflow))
        [job] = workflow["jobs"].values()
        ours = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("OWNER/")]
        assert ours
        assert {name for given in ours for name in given} <= set(ACTION["inputs"])
    done = check_schema(*files, schema="vendor.github-workflows")
    assert done.returncode == 0, done.stdout


def as_workflow(shown: dict[str, Any]) -> dict[str, Any] | None:
    """Return a workflow that has what is shown; None if it is of another system."""
    if "steps" in shown:
        shown = {"jobs": {"test": {"runs-on": "ubuntu-24.04", **shown}}}
    return {"on": "push", **shown} if "jobs" in shown else None


def test_the_document_has_every_input_and_output() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \|", (PROJECT / "docs/ci.md").read_text(), re.MULTILINE)
    assert named == [*ACTION["inputs"], *ACTION["outputs"]]
