"""A real installation in a disposable copy of an image, by the cache's own installer, watched from outside of it."""

import contextlib
import os
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from package_cache.bounds import bound
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.filesystem.temporary import temporary_folder
from package_cache.process import piped, run
from package_cache.recording.classes import RESULT, NotRecordable
from package_cache.recording.content import STATUS
from package_cache.recording.marks import MARKS
from package_cache.recording.observed import Observed, PlannedPackage
from package_cache.recording.trace import OPTIONS, Trace, read_trace
from package_cache.recording.tree import BLAKE2, SHA256, Kind, Tree, contents, tree_after, whole_tree
from package_cache.sandbox.container import ROOT, Container
from package_cache.sandbox.isolation import Isolation, disposable_root

PLACE = "/recorded-by-package-cache"
"""The mount point of the cache."""

LIMIT = 3600.0
"""Seconds that an installation may take."""

_TRACE = f"{ROOT}/../trace"

_FILES = ("hosts", "hostname", "resolv.conf")
"""Of /etc: what every runtime mounts into a container."""


@dataclass(frozen=True)
class Circumstances:
    """What differs between containers, and must not show in what is recorded."""

    hostname: str
    environment: Mapping[str, str] = field(default_factory=dict)
    one_processor: bool = False


PLAIN = Circumstances("recording")
OTHER = Circumstances(
    "another-host-with-a-longer-name",
    {"TZ": "Pacific/Chatham", "LANG": "de_DE.UTF-8", "LANGUAGE": "de", "USER": "somebody", "COLUMNS": "61"},
    one_processor=True,
)


@dataclass(frozen=True)
class Subject:
    """Where groups are recorded."""

    name: str
    """For people."""
    root: Path
    isolation: Isolation
    base: Tree
    """Its files."""
    algorithm: str
    """By which their content is hashed: what the image has a fast program for."""
    cache: CacheFolder


def subject_of(name: str, root: Path, isolation: Isolation, cache: CacheFolder) -> Subject:
    """Read the files of a root."""
    with disposable_root(root, isolation, started=False) as container:
        has_b2sum = run([*container.outside, "test", "-f", f"{ROOT}/usr/bin/b2sum"], check=False, timeout=60)
        algorithm = BLAKE2 if has_b2sum.returncode == 0 else SHA256
        return Subject(name, root, isolation, whole_tree(container, name, algorithm), algorithm, cache)


@contextlib.contextmanager
def installation(
    subject: Subject,
    group: str,
    circumstances: Circumstances,
    *,
    after: Sequence[str] = (),
    replaying: Mapping[str, Path] | None = None,
    uncounted: Collection[str] | None = None,
) -> Iterator[tuple[Observed, Container, Mapping[str, str]]]:
    """Install a group, after others; yield what was seen, the container with all processes ended, and the result.

    It is watched if `uncounted` is there: names of programs of which it does not matter what they read. dpkg installs
    it unless `replaying` shows folders of the cache in the place of its own, by their places below it.
    Raise `NotRecordable` where it does not install.
    """
    shown = {PLACE: subject.cache.path, **{f"{PLACE}/{name}": path for name, path in (replaying or {}).items()}}
    with temporary_folder() as folder:
        for name in _FILES:
            Path(folder, name).write_text(f"127.0.0.1 localhost\n# {circumstances.hostname}\n", encoding="utf-8")
            shown[f"/etc/{name}"] = Path(folder, name)
        # Its first process is no program of the image: that one would not be watched.
        with disposable_root(
            subject.root, subject.isolation, binds=shown, started=False, hostname=circumstances.hostname
        ) as container:
            before = subject.base
            for earlier in after:
                _install(container, earlier, circumstances)
                container.restart()  # what an earlier one left running could change what follows, unseen
                before = tree_after(subject.base, container, subject.name, subject.algorithm)
                if _result(container, before).get("method") != "replay":
                    raise NotRecordable(f"{earlier}, which comes before it, is not installed by a recording")
            kept = read_files(container, before, (STATUS, MARKS))
            tracer = ("strace", *OPTIONS, f"--output={_TRACE}") if uncounted is not None else ()
            options = () if replaying else ("--no-replay",)
            _install(container, group, circumstances, *options, tracer=tracer, is_last=True)
            trace = None if uncounted is None else _trace(container, uncounted)
            found = tree_after(subject.base, container, subject.name, subject.algorithm)
            result = _result(container, found)
            packages = tuple(PlannedPackage.parse(text) for text in result["packages"].splitlines())
            yield Observed(before, found, packages, kept, float(result["seconds_total"]), trace), container, result


def read_files(container: Container, tree: Tree, paths: Sequence[str]) -> dict[str, bytes]:
    """Return the content of these files, without those that do not exist."""
    files = [path for path in paths if path in tree and tree[path].kind is Kind.FILE]
    found = contents(container, tree, files, "the image")
    return {path: stream.read(bound("system-file-bytes")) for path, _, stream in found if stream}


def _install(
    container: Container,
    group: str,
    circumstances: Circumstances,
    *options: str,
    tracer: Sequence[str] = (),
    is_last: bool = False,
) -> None:
    """Run the installer; after the last one end all that runs inside. Raise `NotRecordable` where it fails.

    Of the image no other program runs: one that is not watched could change what is recorded, and nobody would know.
    """
    *own, box = container.enter[len(container.outside) :]
    environment = (f"--env={name}={value}" for name, value in circumstances.environment.items())
    argv = [*own, *environment, box, "sh", f"{PLACE}/{INSTALLER}", *options, "--result", RESULT, "--", group]
    if is_last:  # strace(1) waits for daemons, too
        argv = ["sh", "-c", _AND_END.format(end=shlex.join([*container.runc, "delete", "--force", box])), "sh", *argv]
    limit = ("taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))) if circumstances.one_processor else ()
    done = run([*limit, *container.outside, *tracer, *argv], check=False, timeout=LIMIT)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise NotRecordable(f"it does not install (status {done.returncode}): {' '.join(said[-2:])}")


_AND_END = '"$@"; status=$?; {end}; exit "$status"'


def _result(container: Container, tree: Tree) -> dict[str, str]:
    """Return the installer's result, with the lines on packages as one value."""
    text = read_files(container, tree, [RESULT]).get(RESULT, b"").decode("utf-8", "replace")
    lines = [line.partition("=") for line in text.splitlines()]
    values = {key: value for key, _, value in lines}
    return {**values, "packages": "\n".join(value for key, _, value in lines if key == "package")}


def _trace(container: Container, uncounted: Collection[str]) -> Trace:
    with piped([*container.outside, "cat", _TRACE]) as lines:
        return read_trace(lines, f"{PLACE}/{INSTALLER}", uncounted)
