"""Each option that takes a path, given places that cannot be: one status of the table, and what to do, at once.

Never 1 (a fault of ours), 6 (a forged archive) or a traceback. As root and as an ordinary user, whom permissions stop.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND
from tests.support.busybox import python_of_everybody
from tests.support.users import UID, as_ordinary_user
from tests.support.world import World

GROUP = "edit,ubuntu18.04,editor\n"

PROGRAM = """
import contextlib, io, sys
from package_cache.cli.main import run
for line in sys.stdin.read().splitlines():
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        status = run(line.split(" "))
    said = errors.getvalue()
    print(status, "Traceback" in said or "report this" in said, said.splitlines()[:1])
"""

FILES = {
    "lock --manifest PLACE": (2, 3),
    "outdated --manifest PLACE": (2, 3),
    "check --cache CACHE --manifest PLACE": (2, 3),
    "lock --manifest MANIFEST --keyring ubuntu=PLACE": (2,),
    "lock --manifest MANIFEST --auth-file PLACE": (2,),
    "image --cache CACHE --output docker://localhost:1/x --registry-auth-file PLACE": (2,),
    "image --cache CACHE --state STATE --output oci-archive:PLACE": (2, 41, 42),
    "check edit --cache CACHE --status PLACE --system ubuntu18.04": (2,),
    "check edit --cache CACHE --image oci-archive:PLACE": (2, 42),
    "diff PLACE CACHE": (2, 4, 30, 42),
    "sbom --cache CACHE --lock PLACE": (2, 4),
    "sbom --cache CACHE --output PLACE": (2, 41, 42),
    "provenance --cache CACHE --lock PLACE": (2, 4),
    "image --cache CACHE --output docker://localhost:1/x --fill PLACE": (2,),
    "report --cache CACHE --check PLACE": (2,),
    "report --cache CACHE --outdated PLACE": (2,),
    "report --cache CACHE --output PLACE": (2, 41, 42),
}
"""Command lines, and the statuses that a place may end them with."""

FOLDERS = {
    "lock --manifest MANIFEST --state PLACE": (2, 41, 42),
    "build --manifest LOCKED --output PLACE": (2, 31, 41, 42),
    "image --cache CACHE --output oci:NEW --state PLACE": (2, 41, 42),
    "image --cache CACHE --state STATE --output oci:PLACE": (2, 41, 42),
    **{
        f"{verb} --cache PLACE": (2, 30, 31, 42)
        for verb in ("list", "show edit", "verify", "gc", "sbom", "report", "install edit", "stage edit --to NEW")
    },
    "image --output oci:NEW --cache PLACE": (2, 30, 31, 42),
    "stage edit --cache CACHE --to PLACE": (2, 41, 42),
    "check edit --cache CACHE --root PLACE": (2, 42),
    "check edit --cache CACHE --root PLACE --run": (2, 42),
    "check edit --cache CACHE --image oci:PLACE:x": (2, 42),
    "lock --manifest LOCKED --for PLACE": (2, 42),
}


def odd_places(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield places at which neither a file nor a folder can be written or read, whoever tries."""
    (folder / "file").write_text("text\n")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    yield "below a file", folder / "file/x"
    yield "a name that is too long", folder / ("n" * 300)
    yield "a path that is too long", folder / ("n/" * 2500)
    yield "a link to itself", folder / "loop"
    yield "a pipe", folder / "pipe"
    yield "in /proc", Path("/proc/none")
    yield "nothing", Path()


def closed_places(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield places that are closed to all but root."""
    (folder / "closed").mkdir(mode=0)
    (folder / "unwritable").mkdir()
    (folder / "unwritable/unreadable").touch(mode=0)
    (folder / "unwritable").chmod(0o555)
    yield "below a closed folder", folder / "closed/x"
    yield "an unreadable file", folder / "unwritable/unreadable"
    yield "a closed folder", folder / "closed"
    yield "below an unwritable folder", folder / "unwritable/x"


def command_lines(world: World, places: list[tuple[str, Path]], own: Path) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return each command line with each place: what it is, the line, and its statuses. Writes what else they name."""
    (own / "locked").mkdir()
    (own / "locked/package_cache_info").write_text(GROUP)
    (own / "locked/package-cache.lock").write_bytes((world.folder / "package-cache.lock").read_bytes())
    (own / "package_cache_info").write_text(GROUP)
    words = {
        "CACHE": world.cache, "LOCKED": own / "locked/package_cache_info", "MANIFEST": own / "package_cache_info",
        "STATE": own / "state", "NEW": own / "new",
    }  # fmt: skip
    lines = []
    for of_files, table in ((True, FILES), (False, FOLDERS)):
        another = ("a folder" if of_files else "a file", own / "locked" if of_files else own / "package_cache_info")
        for pattern, statuses in table.items():
            for what, place in (*places, another):
                line = pattern
                for word, path in (*words.items(), ("PLACE", place)):
                    line = line.replace(word, str(path) if path.parts else "")
                lines.append((f"{pattern}: {what}", line, statuses))
    return lines


def refused(command: list[str], lines: list[tuple[str, str, tuple[int, ...]]]) -> None:
    done = subprocess.run(
        [*command, "-c", PROGRAM],
        input="\n".join(line for _, line, _ in lines),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    answers = done.stdout.splitlines()
    assert len(answers) == len(lines), done.stderr
    wrong = []
    for (what, _, statuses), answer in zip(lines, answers, strict=True):
        status, is_fault, said = answer.split(" ", 2)
        if int(status) not in statuses or is_fault == "True":
            wrong.append(f"{what}: {status}: {said}")
    assert wrong == []


@pytest.fixture
def built(world: World) -> World:
    world.built(GROUP)
    return world


def test_unusable_paths(built: World, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    refused([sys.executable], command_lines(built, list(odd_places(own)), own))


def test_places_that_are_closed_to_a_user(built: World, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    own = tmp_path / "own"
    own.mkdir()
    lines = command_lines(built, list(closed_places(own)), own)
    subprocess.run(["chmod", "-R", "a+rX", str(built.cache)], check=True)
    subprocess.run(["chown", "-R", str(UID), str(own)], check=True)
    refused(python_of_everybody(as_ordinary_user(tmp_path), "package_cache.cli.build"), lines)


@pytest.mark.parametrize("option", ["--output", "--state"])
def test_a_place_that_is_full(option: str, built: World, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    (full := tmp_path / "full").mkdir()
    (built.folder / "package-cache.lock").unlink()
    words = ["build", *built.sources, "--output", "out", "--state", "state", option, str(full / "x")]
    script = 'mount -t tmpfs -o size=16k tmpfs "$0"; head -c 64k /dev/zero >"$0/fill" 2>/dev/null || true; exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", script, str(full), *COMMAND, *words]
    done = subprocess.run(argv, capture_output=True, encoding="utf-8", check=False, cwd=built.folder)
    assert (done.returncode, "No space left on device" in done.stderr) == (41, True), done.stderr
    assert option in done.stderr or "downloads" in done.stderr or str(full) in done.stderr


def test_an_unusable_temporary_folder_is_no_forgery(
    built: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dpkg-deb and apt keep files there; ours go where Python finds another place."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (built.cache / "package-cache.json").unlink()
    assert built.build()[::2] == (0, "")


def test_a_device_is_not_replaced_by_an_archive(built: World, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # no device: where the check is broken, this test would replace one of this machine's
    state = str(tmp_path / "state")
    to = f"oci-archive:{tmp_path}/pipe"
    status, _, err = built.run("image", "--cache", str(built.cache), "--state", state, "--output", to)
    assert (status, "it is not a file" in err) == (2, True)
    assert (tmp_path / "pipe").is_fifo()


def test_a_relative_state_is_the_current_folders(built: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert built.online("lock", "--state", "lists-and-keys")[::2] == (0, "")
    assert (tmp_path / "lists-and-keys/lists").is_dir()
