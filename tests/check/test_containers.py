"""A container that an engine knows, running or not, is read from what that exports."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from containers.podman import Podman, can_run, throwaway_podman
from tests.check.layouts import base, package, tar_of
from tests.installer.synthetic import SyntheticCache

from package_cache.cli.main import run


@pytest.fixture
def folder_of_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder where engines are found."""
    folder = tmp_path / "engines"
    folder.mkdir()
    monkeypatch.setattr("package_cache.oci.system_files.find_engine", lambda name: _in(folder, name))
    return folder


def _in(folder: Path, name: str) -> str | None:
    return str(folder / name) if (folder / name).exists() else None


def write_engine(folder: Path, name: str, lines: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def podman(tmp_path: Path, folder_of_engines: Path) -> Iterator[Podman]:
    reason = can_run()
    if reason:
        pytest.skip(reason)
    with throwaway_podman() as running:
        variables = " ".join(f"{key}={value}" for key, value in running.environment.items())
        write_engine(folder_of_engines, "podman", f'exec env {variables} {" ".join(running.argv)} "$@"')
        yield running


def test_a_container_of_podman(podman: Podman, cache: SyntheticCache, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(tar_of(base(package("needed"))))
    podman("import", "--quiet", str(tmp_path / "root.tar"), "job")
    podman("create", "--name", "waiting", "job", "/never")
    assert run(["check", "--cache", str(cache.path), "--container", "waiting", "tools"]) == 0
    assert run(["check", "--cache", str(cache.path), "--container", "nobody", "tools"]) == 2


DOCKER = """\
[ "$1 $2" != "container inspect" ] || {{ [ "$5" = job ]; exit; }}
[ "$1 $2" = "export job" ] && cat {tar}{more}"""


@pytest.mark.parametrize(("more", "status"), [("", 0), ("; echo broken >&2; exit 3", 1)])
def test_a_container_of_docker(
    more: str,
    status: int,
    folder_of_engines: Path,
    cache: SyntheticCache,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "root.tar").write_bytes(tar_of(base(package("needed"))) + bytes(500_000))
    write_engine(folder_of_engines, "podman", "echo no such container >&2; exit 125")
    write_engine(folder_of_engines, "docker", DOCKER.format(tar=tmp_path / "root.tar", more=more))
    assert run(["check", "--cache", str(cache.path), "--container", "job", "tools"]) == status
    out, err = capfd.readouterr()
    if status:
        assert "docker export ended with status 3\nbroken" in err
    else:
        assert "tools   hit             1" in out


def test_an_unknown_container(
    folder_of_engines: Path, cache: SyntheticCache, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "--cache", str(cache.path), "--container"]
    assert run([*words, "job"]) == 8
    assert "neither podman nor docker" in capfd.readouterr().err
    write_engine(folder_of_engines, "podman", "echo no such container >&2; exit 125")
    assert run([*words, "job"]) == 2
    assert "podman: no such container" in capfd.readouterr().err
    assert run([*words, "--all"]) == 2
    write_engine(folder_of_engines, "podman", "exit 125")
    assert run([*words, "job"]) == 2
    assert "podman: ended with status 125\n" in capfd.readouterr().err
