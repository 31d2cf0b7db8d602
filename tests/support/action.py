"""The project's action in a job of act, a local runner of the format, which runs in a root without containers.

`actions/cache` needs the service of the host, and its code is not ours to keep: a stand-in keeps entries in a folder.
"""

import re
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from tests.support.lab import Container

PROJECT = Path(__file__).parents[2]

ACTION = ("action.yml", "ci", "src", "pyproject.toml", "README.md", "LICENSE")
"""What the action needs of the project."""

STAND_IN = {
    "restore": """\
name: Restore
description: As actions/cache/restore does, from a folder
inputs: {path: {required: true}, key: {required: true}, restore-keys: {default: ""}}
outputs: {cache-matched-key: {value: "${{ steps.restore.outputs.matched }}"}}
runs:
  using: composite
  steps:
    - id: restore
      shell: sh
      env: {FROM: "${{ inputs.path }}", KEY: "${{ inputs.key }}"}
      run: |
        into="$HOME/${FROM#'~/'}"
        entry=$(cd /entries && ls -dt -- "$KEY"* 2>/dev/null | head -n 1)
        [ -n "$entry" ] || exit 0
        mkdir -p "$into"
        cp -R "/entries/$entry/." "$into"
        echo "matched=$entry" >>"$GITHUB_OUTPUT"
""",
    "save": """\
name: Save
description: As actions/cache/save does, to a folder
inputs: {path: {required: true}, key: {required: true}}
runs:
  using: composite
  steps:
    - shell: sh
      env: {FROM: "${{ inputs.path }}", KEY: "${{ inputs.key }}"}
      run: mkdir "/entries/$KEY" && cp -R "$HOME/${FROM#'~/'}/." "/entries/$KEY"
""",
}
"""As in the service, no entry is replaced, and the newest of those whose keys start with the wanted one is restored."""


def write_action(folder: Path) -> None:
    """Put copies of the action and of the stand-in into a folder."""
    (folder / "action").mkdir()
    for name in ACTION:
        source, target = PROJECT / name, folder / "action" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for name, text in STAND_IN.items():
        (place := folder / "stand-in" / name).mkdir(parents=True)
        (place / "action.yml").write_text(text, encoding="utf-8")


def runner_binds(folder: Path) -> dict[str, Path]:
    """Return what a root must show for `prepared_job`, of a folder that `write_action` filled; beside it, /entries."""
    act = Path(sysconfig.get_path("scripts"), "act")
    return {"/usr/local/bin/act": act, "/action": folder / "action", "/stand-in": folder / "stand-in"}


def prepared_job(container: Container, steps: Sequence[Mapping[str, Any]], environment: Mapping[str, str]) -> list[str]:
    """Write a workflow of one job, for which the action is `example/package-cache@v1`; return act's command line."""
    workflow = {"on": "push", "jobs": {"test": {"runs-on": "machine", "steps": list(steps)}}}
    text = yaml.safe_dump(workflow, sort_keys=False)
    container.run(["sh", "-c", "mkdir -p /files && cat >/files/workflow.yml"], stdin=text)
    return [
        "act", "push", "--directory", "/files", "--workflows", "/files/workflow.yml",
        "--platform", "machine=-self-hosted",
        "--local-repository", "example/package-cache@v1=/action",
        "--local-repository", f"{actions_cache()}=/stand-in",
        "--action-offline-mode", "--no-cache-server", "--rm",
        *(word for name, value in environment.items() for word in ("--env", f"{name}={value}")),
    ]  # fmt: skip


def actions_cache() -> str:
    """Return the name and commit of the action that keeps the entries, as action.yml names it."""
    [name] = {
        re.sub(r"/(restore|save)@", "@", step["uses"])
        for step in yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
        if "uses" in step
    }
    return name
