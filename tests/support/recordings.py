"""Recordings of arbitrary bytes, for tests in which only the files matter."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from package_cache.cache.checked_files import read_group
from package_cache.cache.description import DescribedGroup, read_description
from package_cache.cache.layout import DESCRIPTION, RECORDINGS, RELEASE, CacheFolder
from package_cache.cache.recordings import Recording, group_digest, publish_recordings, recording_file
from package_cache.filesystem.paths import sha256_of


def described(cache: Path, name: str, system: str = "ubuntu18.04") -> DescribedGroup:
    """Return what a cache's description says of a group."""
    groups = read_description(CacheFolder(cache)).groups
    return next(group for group in groups if (group.name, group.system) == (name, system))


def plain_recording(**fields: Any) -> Recording:
    """Return the facts on a recording for amd64, of the image `registry/job:1`, but for the named fields.

<<<<<<< HEAD
    `status` is the content of dpkg's status file before it.
    """
    architecture = fields.get("architecture", "amd64")
    before = hashlib.sha256(fields.pop("status", b"Package: dpkg\n")).hexdigest()
    facts: dict[str, Any] = {
        "file": recording_file(architecture, before),
        "architecture": architecture,
        "image": "registry/job:1",
        "digest": f"sha256:{'d' * 64}",
        "after": (),
        "status_before": before,
        "status_after": "a" * 64,
        "group_digest": "c" * 64,
        "packages": 2,
        "files": 31,
        "bytes": 11,
        "rules": ("/var/log/**",),
        "rules_digest": "b" * 64,
        "created": "2026-11-30T08:00:00+00:00",
        "installed_seconds": 1.45,
        "replayed_seconds": 0.15,
    }
    return Recording(**{**facts, **fields})


def make_recording(cache: Path, name: str, content: bytes, *, system: str = "ubuntu18.04", **fields: Any) -> Recording:
    """Return the facts on a recording, with this content, of a group as it is now."""
    read = read_group(CacheFolder(cache), described(cache, name, system))
    digest = group_digest(read.files, fields.get("architecture", "amd64"))
    return plain_recording(**{"group_digest": digest, "bytes": len(content), **fields})
=======
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
        for top in (top for top in ("bin", "lib", "sbin") if now.host(f"/{top}").is_symlink()):
            archive.add(now.host(f"/usr/{top}"), f"./staged/usr/{top}", recursive=False)
            archive.add(now.host(f"/{top}"), f"./staged/{top}", recursive=False)
        for path in plain:
            archive.add(now.host(path), f".{path}", recursive=False)
        for path in staged:
            if path not in regenerate:
                archive.add(now.host(path), f"./staged{path}", recursive=False)
    replaced = [path for path in [*changed, *gone] if stat.S_ISREG(before[path].st_mode)]
    lists: dict[str, list[str]] = {
        "facts": [
            "format 1",
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
        "debs": [f"{'new' if how == 'new' else 'over'} {sha256_of(deb)}" for deb, how in debs.items()],
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
>>>>>>> 153405d (installer: replay chains and upgrades, and link the indexes only for apt)


def record(cache: Path, name: str, content: bytes = b"of an image", **fields: Any) -> Recording:
    """Publish a recording of a group."""
    recording = make_recording(cache, name, content, **fields)
    group = described(cache, name, fields.get("system", "ubuntu18.04"))
    publish_recordings(CacheFolder(cache), group, {recording: content})
    return recording


def restate(cache: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the facts on the first recording of a group, and all digests of them, as who can write to a cache does."""
    file = cache / described(cache, name).folder / RECORDINGS
    document = json.loads(file.read_text())
    change(document["recordings"][0])
    put(cache, name, json.dumps(document).encode())


def put(cache: Path, name: str, content: bytes) -> None:
    """Replace recordings.json of a group, and all digests of it."""
    folder, description = cache / described(cache, name).folder, cache / DESCRIPTION
    _replace(folder / RECORDINGS, content, folder / RELEASE, description)


def _replace(file: Path, content: bytes, *stating: Path) -> None:
    """Replace a file, and its digest in other files, of which each states those before it."""
    before = sha256_of(file)
    file.write_bytes(content)
    for index, other in enumerate(stating):
        text = other.read_text().replace(before, sha256_of(file))
        _replace(other, text.encode(), *stating[index + 1 :])
