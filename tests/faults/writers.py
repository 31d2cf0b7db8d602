"""The verbs that write (`build`, `stage`, `lock`, `gc`) as processes, on a small signed archive on loopback."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.verdicts import Verdict, verdict
from tests.fuzz.world import in_process
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer
from tests.support.world import reaching

from package_cache.process import Completed

VERBS = ("build", "stage", "lock")
PLACES = {
    "build": ("out/cache", "package_cache"),
    "stage": ("out/volume", "volume"),
    "lock": ("package-cache.lock", "package-cache.lock"),
    "gc": ("out/volume", "volume"),
}
"""What each verb writes: in a trial's own folder, and in that of a state."""
COMMAND = (str(Path(sys.executable).with_name("package-cache")),)
LIMIT = 60.0
"""Seconds for one run of a verb."""
MARK = "PACKAGE_CACHE_TRIAL"
"""The variable by which all processes of a trial are known: children inherit it."""

SYSTEM = "ubuntu18.04"
SMALL, BIG, BIG_SIZE = 16, 4, 2_500_000
"""How many packages there are, and the bytes of each big one."""
OLD = f"edit,{SYSTEM},editor\nbig,{SYSTEM},big0 big1\nmany,{SYSTEM},small0 small15\ngone,{SYSTEM},small3 big2\n"
NEW = f"edit,{SYSTEM},editor\nbig,{SYSTEM},big0 big1 big3\nmany,{SYSTEM},small0 small15\ncame,{SYSTEM},small5\n"
STAGED = {"old": ("edit", "big", "gone"), "new": ("edit", "big", "many")}


@dataclass(frozen=True)
class Shelf:
    """What is made once: the archive, and what the verbs make of its `old` and its `new` state when nothing disturbs.

    For each state a folder with the manifest, its lock, the `package_cache` and a `volume` with staged groups.
    """

    folder: Path
    archive: SignedArchive
    server: ArchiveServer

    def state(self, name: str) -> Path:
        """Return the folder of `old` or `new`."""
        return self.folder / name


def make_shelf(folder: Path, archive: SignedArchive, server: ArchiveServer) -> Shelf:
    """Fill the archive twice, and run all verbs undisturbed on each of its states."""
    shelf = Shelf(folder, archive, server)
    noise = Random(1)
    for index in range(SMALL):
        depends = f"small{index - 1}" if index > SMALL - 3 else ""
        archive.add(make_deb(folder / "debs", f"small{index}", depends=depends), suite="bionic")
    for index in range(BIG):
        _add_big(shelf, f"big{index}", "1.0", noise)
    archive.add(make_deb(folder / "debs", "editor", "1.0", depends="small0, small1"), suite="bionic")
    _make_state(shelf, "old", OLD)
    archive.add(make_deb(folder / "debs", "editor", "1.1", depends="small0, small2"), suite="bionic")
    _add_big(shelf, "big1", "1.1", noise)
    _make_state(shelf, "new", NEW)
    return shelf


def _add_big(shelf: Shelf, name: str, version: str, noise: Random) -> None:
    files = {f"/usr/share/{name}": noise.randbytes(BIG_SIZE)}
    deb = make_deb(shelf.folder / "debs", name, version, files=files, compression="none")
    shelf.archive.add(deb, suite="bionic")


def _make_state(shelf: Shelf, name: str, manifest: str) -> None:
    shelf.archive.publish()
    place = shelf.state(name)
    place.mkdir()
    (place / "package_cache_info").write_text(manifest)
    if name == "new":
        shutil.copytree(shelf.state("old") / "volume", place / "volume")
    cache = str(place / "package_cache")
    for words in (
        ["build", *reaching(shelf.archive, shelf.server, place), "--output", cache],
        ["stage", *STAGED[name], "--cache", cache, "--to", str(place / "volume")],
    ):
        done = run_in_process(words)
        assert done.returncode == 0, done.stderr


@dataclass
class Trial:
    """A run of a verb to which something happens; `replacing` an old state, or where nothing was before."""

    shelf: Shelf
    folder: Path
    verb: str
    replacing: bool
    source: Path | None = None
    """The cache from which to stage: the new one, by default."""
    to: Path | None = None
    """Where to write, instead of a folder of its own."""
    prefix: Sequence[str] = ()
    """Enters the namespaces in which the verb runs."""
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        own, made = PLACES[self.verb]
        self.target = self.to or self.folder / own
        """What the verb writes."""
        self.new = self.shelf.state("new") / made
        """What must be there in the end: it holds what an old state with other groups leaves on a volume."""
        self.old = self.new if self.verb == "gc" else self.shelf.state("old") / made
        """What may be there before."""
        shutil.copy(self.shelf.state("new") / "package_cache_info", self.folder)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        if self.verb != "lock":
            shutil.copy(self.shelf.state("new") / "package-cache.lock", self.folder)
        if self.replacing:
            (shutil.copytree if self.old.is_dir() else shutil.copy)(self.old, self.target)

    @property
    def words(self) -> list[str]:
        """The arguments of the command."""
        if self.verb == "gc":
            return ["gc", "--cache", str(self.target), "--grace", "0", "--json"]
        if self.verb == "stage":
            source = self.source or self.shelf.state("new") / "package_cache"
            return ["stage", *STAGED["new"], "--cache", str(source), "--to", str(self.target)]
        output = ["--output", str(self.target)] if self.verb == "build" else []
        return [self.verb, *reaching(self.shelf.archive, self.shelf.server, self.folder), *output]

    def start(self, command: Sequence[str] = COMMAND) -> "subprocess.Popen[str]":
        """Start the command."""
        return start_marked([*self.prefix, *command, *self.words], self.mark)

    def run(self) -> Completed:
        """Run the command to its end, as a process."""
        return ended(self.start())

    def run_to(self, way: str, step: int) -> Completed:
        """Run it to its n-th change of the file system, where something happens to it: see `at_step`."""
        folder = self.folder if self.verb == "lock" else self.target.parent
        return ended(self.start(at_step(way, step, folder)))

    def again(self) -> Completed:
        """Run the same command to its end, in this process: that spares the start of Python."""
        return run_in_process(self.words)


def at_step(way: str, step: int, folder: Path) -> list[str]:
    """Return the command to which something happens right before its n-th change in a folder."""
    return [sys.executable, str(Path(__file__).with_name("at_step.py")), str(step), way, str(folder)]


def start_marked(argv: Sequence[str], mark: str, **env: str) -> "subprocess.Popen[str]":
    """Start a program in a process group of its own; all that it starts inherits its mark."""
    return subprocess.Popen(
        argv, env={**os.environ, MARK: mark, "PYTHONDONTWRITEBYTECODE": "1", **env}, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def processes_of(mark: str) -> list[str]:
    """Return the command lines of what runs with a mark."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another's
            if f"{MARK}={mark}".encode() in (place / "environ").read_bytes():
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if line]  # a zombie has none


def wait_until_ended(mark: str, limit: float = 10.0) -> None:
    """Check that nothing runs any more with a mark."""
    deadline = time.monotonic() + limit
    with verdict(Verdict.LEFT_BEHIND):
        while found := processes_of(mark):
            assert time.monotonic() < deadline, found
            time.sleep(0.02)


def ended(process: "subprocess.Popen[str]", limit: float = LIMIT) -> Completed:
    """Wait for a process's end and give what it left. One that does not end is killed; its children die with it."""
    try:
        stdout, stderr = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Completed(process.args, process.returncode, stdout, stderr)


def run_in_process(words: Sequence[str]) -> Completed:
    """Run the command in this process."""
    done = in_process(words)
    return Completed(words, done.status, done.out, done.err)


def wait_until_heard(process: "subprocess.Popen[str]") -> None:
    """Wait until a process of ours handles SIGTERM by itself: before that Python itself has not begun our program."""
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        if caught & 1 << 14:  # SIGTERM is 15, and the first bit is that of signal 1 (proc(5))
            return
        time.sleep(0.001)


_seconds: dict[object, float] = {}


def seconds_of(key: object, start: Callable[[], "subprocess.Popen[str]"], check: Callable[[Completed], None]) -> float:
    """Measure once by a key how long an undisturbed run takes from the moment from which it hears signals."""
    if key not in _seconds:
        process = start()
        wait_until_heard(process)
        began = time.monotonic()
        done = ended(process)
        _seconds[key] = time.monotonic() - began
        check(done)
    return _seconds[key]
