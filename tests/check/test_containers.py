"""A container that an engine knows, running or not, is read from what that exports."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from containers.podman import Podman, can_run, throwaway_podman
from tests.check.conftest import Command
from tests.check.layouts import base, package, tar_of
from tests.support.world import printed, refused


@pytest.fixture
def folder_of_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder where engines are found."""
    folder = tmp_path / "engines"
    folder.mkdir()
    found = "package_cache.oci.system_files.find_engine"
    monkeypatch.setattr(found, lambda name: str(folder / name) if (folder / name).exists() else None)
    return folder


def write_engine(folder: Path, name: str, lines: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def podman(tmp_path: Path, folder_of_engines: Path) -> Iterator[Podman]:
    if reason := can_run():
        pytest.skip(reason)
    with throwaway_podman() as running:
        variables = " ".join(f"{key}={value}" for key, value in running.environment.items())
        write_engine(folder_of_engines, "podman", f'exec env {variables} {" ".join(running.argv)} "$@"')
        yield running


def test_a_container_of_podman(podman: Podman, command: Command, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(tar_of(base(package("needed"))))
    podman("import", "--quiet", str(tmp_path / "root.tar"), "job")
    podman("create", "--name", "waiting", "job", "/never")
    assert command("--container", "waiting", "tools")[0] == 0
    assert command("--container", "nobody", "tools")[0] == 2


DOCKER = """\
[ "$1 $2" != "container inspect" ] || {{ [ "$5" = job ]; exit; }}
[ "$1 $2" = "export job" ] && cat {tar}{more}"""


@pytest.mark.parametrize("breaks", [False, True])
def test_a_container_of_docker(breaks: bool, folder_of_engines: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(tar_of(base(package("needed"))) + bytes(500_000))
    write_engine(folder_of_engines, "podman", "echo no such container >&2; exit 125")
    more = "; echo broken >&2; exit 3" if breaks else ""
    write_engine(folder_of_engines, "docker", DOCKER.format(tar=tmp_path / "root.tar", more=more))
    done = command("--container", "job", "tools")
    if breaks:
        refused(done, 1, "docker export ended with status 3\nbroken")
    else:
        printed(done, 0, "tools   hit             1")


def test_an_unknown_container(folder_of_engines: Path, command: Command) -> None:
    refused(command("--container", "job"), 8, "neither podman nor docker")
    write_engine(folder_of_engines, "podman", "echo no such container >&2; exit 125")
    refused(command("--container", "job"), 2, "podman: no such container")
    assert command("--container", "--all")[0] == 2
    write_engine(folder_of_engines, "podman", "exit 125")
    refused(command("--container", "job"), 2, "podman: ended with status 125\n")
