"""Machines without a network in which a local runner runs jobs with the action; entries of the cache outlive them."""

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import unavailable
from tests.support.action import PROJECT, prepared_job, runner_binds, write_action
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.lab import Container, Isolation, throwaway

from package_cache.errors import PackageCacheError
from package_cache.filesystem.paths import exclusive, text_digest
from package_cache.process import Completed, run

SYSTEM = "ubuntu24.04"
WITH_PYTHON = ("ca-certificates", "distro-info-data", "python-apt-common", "python3-venv", "sudo")
"""Packages of a hosted runner: without the others no cache can be built."""

KEYRING = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
HOME = "/home/runner"
TOOLS = f"{HOME}/.cache/act/tool_cache"
ENVIRONMENT = {"PACKAGE_CACHE_MIRRORS": "ubuntu=file:/archive", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}

_NOISE = re.compile(r"^.*(?:git (?:ref|revision)|not located inside a git repository|docker connection).*\n", re.M)
"""What act says because the repository of the workflow is a plain folder, and because there is no docker."""


@dataclass
class Job:
    """What a run of the action came to."""

    ended: Completed
    outputs: dict[str, str]
    """Of the action; empty if it failed."""
    summary: str
    container: Container

    @property
    def log(self) -> str:
        """What the runner printed."""
        return _NOISE.sub("", self.ended.stdout + self.ended.stderr)

    def installed(self, name: str) -> str:
        """Return the version of an installed package, or nothing."""
        done = self.container.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", name], check=False)
        return done.stdout[3:].strip() if done.stdout.startswith("ii") else ""


@dataclass(frozen=True)
class Machines:
    """What all machines share."""

    wheels: Path
    tools: Path
    """The tool cache, in which the environment of builds is kept."""
    root: Callable[..., Path]
    isolation: Isolation


@dataclass
class Runner:
    """Gives each job a new machine; entries of the cache stay."""

    folder: Path
    archive: SignedArchive
    machines: Machines
    stack: ExitStack
    files: dict[str, str] = field(default_factory=dict)
    """Of the repository whose workflow runs, by their paths in the workspace."""

    @property
    def entries(self) -> list[Path]:
        """The entries of the cache, the oldest first."""
        return sorted((self.folder / "entries").iterdir(), key=lambda path: path.stat().st_mtime)

    def add(self, name: str, version: str = "1.0", **more: Any) -> None:
        """Put a package into the archive, for both of its releases; `archive.publish()` shows it."""
        for suite in ("noble", "jammy"):
            self.archive.add(make_deb(self.folder / "debs", name, version, **more), suite=suite)

    def machine(self, system: str = SYSTEM, *, python: bool = True, network: bool = True) -> Container:
        """Return a new machine. `network`: whether it reaches the archive."""
        binds = {
            **runner_binds(self.folder),
            "/wheels": self.machines.wheels,
            KEYRING: self.archive.keyring,
            **({"/archive": self.archive.folder} if network else {}),
        }
        writable = {"/entries": self.folder / "entries", TOOLS: self.machines.tools}
        root = self.machines.root(system, include=WITH_PYTHON) if python else self.machines.root(system)
        opened = throwaway(root, self.machines.isolation, binds=binds, writable_binds=writable)
        container = self.stack.enter_context(opened)
        series = container.run(["sh", "-c", '. /etc/os-release; echo "$VERSION_CODENAME"']).stdout.strip()
        source = f"deb [signed-by={KEYRING}] file:/archive {series} main"
        container.run(["sh", "-c", 'rm -rf /etc/apt/sources.list.d/*; echo "$1" >/etc/apt/sources.list', "sh", source])
        return container

    def job(self, container: Container | None = None, *, user: str = "", **inputs: Any) -> Job:
        """Run a job with the action, by default on a new machine; `cache_key="x"` is the input `cache-key`.

        `user`: instead of root, a user of that number, who owns the home.
        """
        as_user = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] if user else []
        container = container or self.machine()
        if user:
            container.run(["sh", "-c", f"cd {HOME} && chown {user} . .cache .cache/act && chmod 777 /entries"])
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        steps: list[dict[str, Any]] = [
            *({"run": f"mkdir -p $(dirname {path}) && cp /files/{path} {path}"} for path in self.files),
            {"id": "cached", "uses": "example/package-cache@v1", "with": given},
            {"run": 'printf "outputs %s\\n" "$OUTPUTS"', "env": {"OUTPUTS": "${{ toJSON(steps.cached.outputs) }}"}},
        ]
        for path, text in self.files.items():
            container.run(["sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1"', "sh", f"/files/{path}"], stdin=text)
        argv = prepared_job(container, steps, ENVIRONMENT)
        ended = container.run([*as_user, *argv], env={"HOME": HOME}, check=False, timeout=300)
        shown = re.sub(r"^\[[^]]*\]   \| ", "", ended.stdout, flags=re.MULTILINE)
        _, found, rest = shown.partition("outputs {")
        outputs = json.loads("{" + rest.partition("}")[0] + "}") if found else {}
        summary = "\n".join(re.findall(r"Summary - (.*(?:\n(?!\[).*)*)", ended.stdout))
        return Job(ended, outputs, summary, container)


@pytest.fixture(scope="session")
def wheels(state: Path) -> Path:
    """Return a folder with what pip needs to install the project."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    folder = state / "tests" / "wheels" / text_digest(" ".join(wanted))[:16]
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), "--only-binary", ":all:"]
    with exclusive(folder / ".lock", wait=600):
        if not (folder / "complete").exists():
            try:
                run([*pip, "--python-version", "3.12", *wanted], timeout=300)
            except PackageCacheError as error:
                unavailable("packages of PyPI", error)
            (folder / "complete").touch()
    return folder


@pytest.fixture(scope="session")
def machines(
    wheels: Path, real_root: Callable[..., Path], isolation: Isolation, tmp_path_factory: pytest.TempPathFactory
) -> Machines:
    """Return what all machines share; the environment of builds is made once, by a first job."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    (tools := shared / "action-tools").mkdir(exist_ok=True)
    machines = Machines(wheels, tools, real_root, isolation)
    with exclusive(shared / ".action-tools.lock", wait=600), ExitStack() as stack:
        if not any(tools.iterdir()):
            first = made_runner(tmp_path_factory.mktemp("first"), machines, stack).job(packages="tool")
            assert first.outputs["cache-hit"] == "false", first.log
    return machines


@pytest.fixture
def runner(tmp_path: Path, machines: Machines) -> Iterator[Runner]:
    """Return a runner whose archive has the packages `tool` and `other`, which need `library`."""
    with ExitStack() as stack:
        yield made_runner(tmp_path, machines, stack)


def made_runner(folder: Path, machines: Machines, stack: ExitStack) -> Runner:
    """Return a runner with files in a folder; its machines end with the stack."""
    write_action(folder)
    (folder / "entries").mkdir()
    suites = [f"{series}{pocket}" for series in ("noble", "jammy") for pocket in ("", "-updates", "-security")]
    archive = SignedArchive(folder / "archive", suites, ("main", "universe", "restricted", "multiverse"))
    runner = Runner(folder, archive, machines, stack)
    runner.add("library")
    runner.add("tool", depends="library")
    runner.add("other", depends="library")
    archive.publish()
    return runner
