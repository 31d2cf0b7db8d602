"""Clone and run the project on every host that the README names: `./run hosts --help`.

A cell of the matrix is a container of a release, entered as one of the users that the README promises.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from containers.pip import pip_settings
from containers.podman import Podman, can_run, throwaway_podman
from containers.program import console, run_program

from bench import markdown
from package_cache.cli.options import default_state, given_options
from package_cache.errors import ToolMissingError, UsageError
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.paths import write_atomically
from package_cache.process import run
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import release_of
from package_cache.sandbox.bootstrap import archive_root
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.system import System

PROJECT = Path(__file__).parents[1]
RELEASES = ("debian12", "debian13", "ubuntu22.04", "ubuntu24.04", "ubuntu26.04")

CLONE = "/home/dev/package-cache"
LOG = "/tmp/part.log"  # noqa: S108  # in a container that is removed afterwards
LIMIT = 3600.0
"""Seconds that one part may take."""

SAMPLE = (
    "tests/syntax",
    "tests/lock",
    "tests/cli/test_lock_and_build.py",
    "tests/sandbox/test_isolation.py",
)
"""The tests that are run on each host: they depend on its dpkg, apt, gpgv, Python and namespaces."""

PARTS = {"demo": "./run demo", "pod": "./run pod", "tests": f"./run tests {' '.join(SAMPLE)}"}
"""Command of each part, as the README has it."""

_REFUSALS = {status.code for status in (ExitStatus.TOOL_MISSING, ExitStatus.NOT_CONTAINED, ExitStatus.NOT_ROOT)}
"""Statuses of a command that this host or user cannot run, and that has said so."""


USERS = {
    "root": "root",
    "sudo": "a user with sudo and umask 0002",
    "container": "root in an unprivileged container",
}
"""Who clones the project, and where; with what the README calls it."""

RESULTS = PROJECT / "hosts" / "results.json"
README = PROJECT / "README.md"
BEGIN, END = "<!-- table of ./run hosts: begin -->", "<!-- table of ./run hosts: end -->"


@dataclass(frozen=True)
class Cell:
    """A release as host, and a user of it."""

    release: str
    user: str

    def __str__(self) -> str:
        return f"{self.release}/{self.user}"


ALL = tuple(Cell(release, user) for release in RELEASES for user in USERS)


@dataclass(frozen=True)
class Outcome:
    """How one part went in one cell."""

    release: str
    user: str
    part: str
    status: int
    seconds: int
    """From an empty home, with everything that `./run` installs first."""
    last: str
    """Last line of the output."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What a later run of the same replaces."""
        return self.release, self.user, self.part

    @property
    def good(self) -> bool:
        """Whether it worked; only a pod may be refused, because the README promises the rest on every host."""
        return self.status == 0 or (self.part == "pod" and self.refused)

    @property
    def refused(self) -> bool:
        """Whether the command said that this host or user cannot run it."""
        return self.status in _REFUSALS


def chosen_cells(names: Sequence[str]) -> list[Cell]:
    """Return the cells with these names, such as `debian13/root`, or `debian13` for all users; no names: all.

    Raise `UsageError` for a name that fits none.
    """
    for name in names:
        if not any(name in (str(cell), cell.release) for cell in ALL):
            raise UsageError(f"there is no host {name!r}; the hosts: {', '.join(map(str, ALL))}")
    return [cell for cell in ALL if not names or {str(cell), cell.release} & set(names)]


def make_image(podman: Podman, release: str, folder: Path) -> None:
    """Make the image `localhost/host:RELEASE`: a minimal root of the release with sudo and the user `dev`.

    Raise what `release_root` raises, and `CommandError`.
    """
    isolation = strongest_isolation()
    options = given_options(default_state())
    root = release_root(release_of(System.parse(release)), options, isolation, include=["ca-certificates"])
    archive = folder / f"{release}.tar"
    archive_root(root, archive, isolation)
    podman.import_archive(archive, f"localhost/bare:{release}")
    archive.unlink()
    name = f"making-{release}"
    podman("run", "--name", name, *_options(), f"localhost/bare:{release}", "sh", "-euc", _PREPARE, timeout=LIMIT)
    podman("commit", "--quiet", name, f"localhost/host:{release}")
    podman("rm", name)


_PREPARE = """
chmod 1777 /tmp
export DEBIAN_FRONTEND=noninteractive
apt-get --quiet=2 update
apt-get --quiet=2 --yes --no-install-recommends install sudo >/dev/null
useradd --create-home --shell /bin/sh dev
echo 'dev ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/dev
"""


@contextmanager
def host(podman: Podman, cell: Cell, clone: Path) -> Iterator[str]:
    """Yield the name of a running container of the cell that has the clone in the home of `dev`."""
    name = str(cell).replace("/", "-")
    rights = [] if cell.user == "container" else ["--privileged"]
    # podman in the container keeps its store on this volume: an overlay cannot lie on an overlay
    podman("run", "--detach", "--name", name, *rights, *_options(), "--volume", "/var/lib/containers",
           f"localhost/host:{cell.release}", "sleep", "infinity")  # fmt: skip
    try:
        podman("cp", str(clone), f"{name}:{CLONE}")
        owner = "dev" if cell.user == "sudo" else "root"
        podman("exec", name, "chown", "--recursive", f"{owner}:{owner}", CLONE)
        yield name
    finally:
        podman("rm", "--force", "--volumes", "--time", "0", name, check=False)


def play(podman: Podman, name: str, cell: Cell, part: str) -> tuple[Outcome, str]:
    """Run one part in a running host. Return how it went and, if it failed, the end of its output."""
    ordinary = cell.user == "sudo"
    script = f"umask {'0002' if ordinary else '0022'}; exec {PARTS[part]} >{LOG} 2>&1 </dev/null"
    user = "dev" if ordinary else "root"
    home = "/home/dev" if ordinary else "/root"
    began = time.monotonic()
    ended = podman("exec", "--user", user, "--workdir", CLONE, "--env", f"HOME={home}", name, "sh", "-c", script,
                   check=False, timeout=LIMIT)  # fmt: skip
    seconds = round(time.monotonic() - began)
    output = podman("exec", name, "tail", "--lines", "60", LOG, check=False).stdout.strip()
    last = output.rpartition("\n")[2].strip()
    outcome = Outcome(cell.release, cell.user, part, ended.returncode, seconds, last)
    return outcome, "" if outcome.good else output


def _options() -> list[str]:
    """Return podman's options for every container here: this machine's network, limits and pip settings."""
    environment, paths = pip_settings()
    return [
        "--network", "host", "--ulimit", "host",
        *(word for name, value in environment.items() for word in ("--env", f"{name}={value}")),
        *(word for path in paths for word in ("--volume", f"{path}:{path}:ro")),
    ]  # fmt: skip


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", metavar="[HOST]...", nargs=-1)
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="Only this part; repeatable.")
@click.option("--list", "only_list", is_flag=True, help="List the hosts, and run nothing.")
@click.option("--write", is_flag=True, help="Keep the results, and write them into the README's table.")
def main(*, names: Sequence[str], parts: Sequence[str], only_list: bool, write: bool) -> None:
    """Run the demo, a pod and a sample of the tests on hosts, each in a new container with an empty home, as root.

    HOST is a release and a user, such as debian13/root, or a release for all of its users; without names, all hosts.
    What is committed is cloned; the changes of the checkout are not seen. Ends with 1 if a part failed.

    \b
    Example:
      ./run hosts ubuntu26.04/sudo debian13/root --part demo
    """
    cells = chosen_cells(names)
    if only_list:
        click.echo("\n".join(map(str, cells)))
        return
    if reason := can_run():
        raise ToolMissingError(f"cannot make containers: {reason}")
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="package-cache-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        clone = folder / "clone"
        run(["git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(clone)], timeout=300)
        with throwaway_podman() as podman:
            for release in dict.fromkeys(cell.release for cell in cells):
                console.print(f"{release}: making a minimal host")
                make_image(podman, release, folder)
            for cell in cells:
                with host(podman, cell, clone) as name:
                    for part in parts or PARTS:
                        outcome, output = play(podman, name, cell, part)
                        outcomes.append(outcome)
                        console.print(f"{output}\n{cell} {part}: {in_words(outcome)}".strip(), markup=False)
    sys.stdout.write(table(outcomes))
    if write:
        kept = {outcome.key: outcome for outcome in (*read_results(), *outcomes)}
        rows = [asdict(outcome) for outcome in kept.values()]
        write_atomically(RESULTS, json.dumps(rows, indent=1, ensure_ascii=False).encode() + b"\n")
        markdown.write_between(README, BEGIN, END, f"\n{table(read_results())}\n")
    sys.exit(0 if all(outcome.good for outcome in outcomes) else 1)


def read_results() -> list[Outcome]:
    """Return what earlier runs kept."""
    return [Outcome(**row) for row in json.loads(RESULTS.read_text(encoding="utf-8"))] if RESULTS.exists() else []


def in_words(outcome: Outcome) -> str:
    """Return what a cell of the table says of a part."""
    if outcome.status == 0:
        return f"{outcome.seconds} s"
    if outcome.refused:
        return f"refused: {outcome.last.split(': ', 2)[-1]}"
    return f"**failed** (status {outcome.status}): {outcome.last}"


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the Markdown table of outcomes, a line for each host."""
    found = {outcome.key: outcome for outcome in outcomes}
    rows = []
    for cell in ALL:
        parts = [found.get((cell.release, cell.user, part)) for part in PARTS]
        if any(parts):
            name = cell.release.replace("debian", "Debian ").replace("ubuntu", "Ubuntu ")
            rows.append([name, USERS[cell.user], *(in_words(part) if part else "" for part in parts)])
    return markdown.table(["host", "user", *PARTS], rows)


if __name__ == "__main__":
    os.chdir(PROJECT)
    run_program(lambda: main(standalone_mode=False))
