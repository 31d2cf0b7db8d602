"""Recordings made by hand: what two roots differ in, written as the installer reads it."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from tests.support.debs import ar_of
from tests.support.lab import Container

from package_cache.cache.recordings import FORMAT
from package_cache.filesystem.paths import sha256_of
from package_cache.process import run

TOPS = ("etc", "usr", "var", "bin", "sbin", "lib", "opt", "root")
DROPPED = (
    *("/var/log/*", "/var/cache/ldconfig/*", "/var/cache/apt*", "/var/lib/apt/lists*", "*-old", "/etc/.pwd.lock"),
    *(
        "/var/lib/dpkg/lock*",
        "/var/lib/dpkg/triggers/Lock",
        "/var/lib/package-cache*",
        "/root/*",
        "/var/cache/debconf/*",
    ),
)
STATUS = "/var/lib/dpkg/status"


@dataclass(frozen=True)
class Recording:
    """The lists of a recording, by name, as lines, and the members of its data."""

    lists: Mapping[str, Sequence[str]]
    data: bytes
    control: str = "Package: package-cache-recording\nVersion: 1\nArchitecture: amd64\n"

    def with_lines(self, name: str, *lines: str) -> "Recording":
        """Return it with more lines in a list, before the last one of `facts`, else after all."""
        old = list(self.lists[name])
        at = len(old) - 1 if name == "facts" else len(old)
        return replace(self, lists={**self.lists, name: [*old[:at], *lines, *old[at:]]})

    def with_list(self, name: str, lines: Iterable[str]) -> "Recording":
        """Return it with another list."""
        return replace(self, lists={**self.lists, name: list(lines)})

    @property
    def content(self) -> bytes:
        """The file."""
        members = {"control": self.control.encode()}
        members |= {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in self.lists.items()}
        control = io.BytesIO()
        with tarfile.open(fileobj=control, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name, content in members.items():
                item = tarfile.TarInfo(f"./{name}")
                item.size = len(content)
                archive.addfile(item, io.BytesIO(content))
        packed = gzip.compress(control.getvalue(), 1), gzip.compress(self.data, 1)
        return ar_of({"debian-binary": b"2.0\n", "control.tar.gz": packed[0], "data.tar.gz": packed[1]})

    def put(self, folder: Path) -> Path:
        """Write it into a group's folder, as its Release states then, and return the file."""
        facts = dict(line.split(" ", 1) for line in self.lists["facts"] if " " in line)
        file = folder / f"recording.{facts['architecture']}.{facts['status-before']}.deb"
        file.write_bytes(self.content)
        release = folder / "Release"
        release.write_text(f"{release.read_text()} {sha256_of(file)} {file.stat().st_size} {file.name}\n")
        return file


@dataclass(frozen=True)
class _Root:
    """What is in a root that runs, as the host sees it."""

    container: Container

    def host(self, path: str) -> Path:
        return Path(f"{self.container.root}{path}")

    def canonical(self, path: str) -> str:
        """Return the path where a merged /usr has it."""
        top = path.split("/")[1]
        return f"/usr{path}" if top in TOPS and self.host(f"/{top}").is_symlink() else path

    def paths(self) -> dict[str, os.stat_result]:
        found: dict[str, os.stat_result] = {}
        for top in (top for top in TOPS if not self.host(f"/{top}").is_symlink()):
            for folder, folders, files in os.walk(self.host(f"/{top}")):
                inside = folder.removeprefix(str(self.container.root))
                found |= {f"{inside}/{name}": os.lstat(f"{folder}/{name}") for name in (*folders, *files)}
        return found

    def sha256(self, path: str) -> str:
        return hashlib.sha256(self.host(path).read_bytes()).hexdigest()


def record(
    base: Container,
    done: Container,
    group: str,
    debs: Mapping[Path, str],
    *,
    regenerate: Mapping[str, str] | None = None,
    kept: Sequence[str] = (),
) -> Recording:
    """Return what an installation in `done` made of the root of `base`.

    `debs` says `new` or `upgraded` of each package file, in order; `regenerate` has a command for a path; paths that
    match `kept` are never dropped.
    """
    regenerate = dict(regenerate or {})
    old, now = _Root(base), _Root(done)
    before, after = old.paths(), now.paths()

    def counts(path: str) -> bool:
        return any(fnmatch(path, one) for one in kept) or not any(fnmatch(path, one) for one in DROPPED)

    new = sorted(path for path in after if path not in before and counts(path))
    gone = sorted((path for path in before if path not in after and counts(path)), reverse=True)
    both = [path for path in sorted(after) if path in before and counts(path)]
    changed = [
        path for path in both if not stat.S_ISDIR(after[path].st_mode) and _differ(path, old, now, before, after)
    ]
    folders = [path for path in both if stat.S_ISDIR(after[path].st_mode)]
    payload: dict[str, str] = {}
    names: dict[str, str] = {}
    for deb, how in debs.items():
        for name in run(["sh", "-c", f"dpkg-deb --fsys-tarfile '{deb}' | tar -t"]).stdout.splitlines():
            if not name.endswith("/"):
                path = now.canonical(name.removeprefix("."))
                payload[path], names[path] = how, name
    conffiles = {
        line.split()[0]
        for file in now.host("/var/lib/dpkg/info").glob("*.conffiles")
        for line in file.read_text().splitlines()
    }
    files = [path for path in new if not stat.S_ISDIR(after[path].st_mode)]
    staged = [
        path
        for path in files
        if path in conffiles or path in regenerate or not path.startswith(("/usr/", "/var/lib/dpkg/info/"))
    ]
    staged += [path for path in changed if payload.get(path) != "upgraded"]
    moved = [*staged, *(path for path in changed if path not in staged)]
    plain = [path for path in new if path not in staged and payload.get(path) != "new"]
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in plain:
            archive.add(now.host(path), f".{path}", recursive=False)
        for path in staged:
            if path not in regenerate:
                archive.add(now.host(path), f"./staged{path}", recursive=False)
    replaced = [path for path in [*changed, *gone] if stat.S_ISREG(before[path].st_mode)]
    lists: dict[str, list[str]] = {
        "facts": [
            f"format {FORMAT}",
            f"group {group}",
            "architecture amd64",
            "image an image",
            f"status-before {old.sha256(STATUS)}",
            f"status-after {now.sha256(STATUS)}",
            "installed-kib 100",
            *(_package(deb, how) for deb, how in debs.items()),
            "end",
        ],
        "same": [f"{old.sha256(path)}  {path}" for path in replaced],
        "state": [
            *(f"a\t{path}" for path in new if path.rpartition("/")[0] not in new),
            *(_state(path, before[path], old) for path in [*changed, *gone]),
        ],
        "new": new,
        "debs": [_unpacked(sha256_of(deb), how) for deb, how in debs.items()],
        "exclude": [names[path] for path in payload if path in staged or path not in after],
        "regenerate": [f"{path}\t{command}" for path, command in regenerate.items()],
        "finish": [
            *(f"own\t{_owner(after[path])}\t{path}" for path in regenerate),
            *(f"move\t{path}" for path in moved if path != STATUS),
            *(f"gone\t{path}" for path in gone),
            *(
                f"mode\t{_owner(after[path])}\t{path}"
                for path in folders
                if _owner(after[path]) != _owner(before[path])
            ),
            f"move\t{STATUS}",
            *(f"time\t{int(after[path].st_mtime)}\t{path}" for path in new if stat.S_ISDIR(after[path].st_mode)),
        ],
    }
    return Recording(lists, data.getvalue())


def _differ(
    path: str, old: _Root, now: _Root, before: Mapping[str, os.stat_result], after: Mapping[str, os.stat_result]
) -> bool:
    """Return whether a path is another file or link, or has another owner or mode."""
    one, other = before[path], after[path]
    if (one.st_mode, one.st_uid, one.st_gid, one.st_size) != (other.st_mode, other.st_uid, other.st_gid, other.st_size):
        return True
    if stat.S_ISLNK(one.st_mode):
        return old.host(path).readlink() != now.host(path).readlink()
    return one.st_ctime_ns != other.st_ctime_ns and old.sha256(path) != now.sha256(path)


def _owner(info: os.stat_result) -> str:
    return f"{stat.S_IMODE(info.st_mode):o}\t{info.st_uid}\t{info.st_gid}"


def _state(path: str, info: os.stat_result, root: _Root) -> str:
    if stat.S_ISLNK(info.st_mode):
        return f"l\t{root.host(path).readlink()}\t{path}"
    if stat.S_ISDIR(info.st_mode):
        return f"d\t{_owner(info)}\t{path}"
    return f"f\t{_owner(info)}\t{info.st_size}\t{path}"


def _package(deb: Path, how: str) -> str:
    fields = run(["dpkg-deb", "--show", "--showformat", "${Package} ${Version} ${Architecture}", str(deb)]).stdout
    return f"package {how} {fields} {deb.stat().st_size} {sha256_of(deb)}"


def _unpacked(sha256: str, how: str) -> str:
    return f"{'first' if how == 'new' else 'over'} {sha256} {sha256}"
