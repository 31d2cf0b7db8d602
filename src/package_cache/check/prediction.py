"""Predict whether groups install offline in a container system, without running any of its programs.

The installer makes a dry run in a folder that imitates the system. The folder has copies of the files that the
installer reads, and empty files in place of those whose existence it checks. So no program of the system runs, and no
link of it leads to a file of this machine. The installer is the library's own, never the cache's, because the maker of
a cache must not run code here.
"""

import contextlib
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from package_cache.cache.consistent_read import once_settled
from package_cache.cache.layout import GROUPS, CacheFolder, group_folder
from package_cache.check.method import predicted_method
from package_cache.check.target import DPKG, SeenSystem
from package_cache.check.verdict import CheckResult, Obstacle, PlannedFile, Prediction, Reason, Verdict
from package_cache.errors import CacheError, PackageCacheError, UsageError
from package_cache.events import Listener, Step, ignore
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.confined import on_the_host
from package_cache.filesystem.paths import read_bounded
from package_cache.filesystem.temporary import temporary_folder
from package_cache.installer import install_group
from package_cache.names import GROUP_NAME
from package_cache.process import run

LIMIT = 600.0
"""Maximum seconds for a dry run; it takes tenths, plus the time to hash the group's package files."""

_POSITION = re.compile(r"(near line [0-9]+).*", re.DOTALL)
"""The position in dpkg's database at which dpkg stopped."""

_PROGRAMS = ("dpkg", "dpkg-query", "sha256sum", "apt-get", "df", "timeout", "debconf-set-selections")
_PROGRAM_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""The programs that the installer needs, and its PATH."""

_CACHE_MISSES = (
    ExitStatus.NO_SUCH_GROUP, ExitStatus.NOT_FOR_SYSTEM, ExitStatus.NOT_FOR_ARCHITECTURE, ExitStatus.CACHE_MISSING,
    ExitStatus.CACHE_DAMAGED,
)  # fmt: skip
"""Misses that a concurrent build or stage may be about to resolve."""


def check(groups: Sequence[str], cache: CacheFolder, seen: SeenSystem, listener: Listener = ignore) -> CheckResult:
    """Predict for each group, or for every group of the cache, what the installer does in this system.

    Raises `UsageError` for an invalid group name, `CacheError` if the cache has no groups, `PackageCacheError`
    if the installer needs more options (USAGE), or does not run on this machine.
    """
    for name in groups:
        if not GROUP_NAME.fullmatch(name):
            raise UsageError(f"cannot check {name!r}: this is not a valid group name")
    verdicts = []
    for name in dict.fromkeys(groups) or _all_groups(cache):
        listener(Step(f"checking {name} in {seen.name}"))
        verdicts.append(_verdict(name, cache, seen))
    return CheckResult(seen.name, seen.system, seen.architecture or "", seen.digest, seen.asked, tuple(verdicts))


def _verdict(name: str, cache: CacheFolder, seen: SeenSystem) -> Verdict:
    verdicts: list[Verdict] = []

    def predict() -> None:
        verdicts.append(_dry_run(name, cache, seen))
        if verdicts[-1].status in _CACHE_MISSES:
            raise CacheError(f"cannot install: {verdicts[-1].message}")

    with contextlib.suppress(CacheError):
        once_settled(cache, predict)
    return verdicts[-1]


def _all_groups(cache: CacheFolder) -> tuple[str, ...]:
    try:
        folders = cache.inside.names(GROUPS)
    except OSError:
        hint = "check the mount, or name the folder with --cache"
        message = f"cannot check: there is no cache at {cache.path}"
        raise CacheError(message, hint=hint, status=ExitStatus.CACHE_MISSING) from None
    names = sorted({name.rpartition("-")[0] for name in folders})
    found = tuple(name for name in names if GROUP_NAME.fullmatch(name))
    if not found:
        hint = "build the cache of a manifest with groups"
        message = f"cannot check: the cache at {cache.path} has no groups"
        raise CacheError(message, hint=hint, status=ExitStatus.NO_SUCH_GROUP)
    return found


def _dry_run(group: str, cache: CacheFolder, seen: SeenSystem) -> Verdict:
    with temporary_folder() as name:
        folder = Path(name)
        root, script, result = folder / "root", folder / "install_group.sh", folder / "result"
        _write_root(root, seen, _provided(group, cache, seen))
        script.write_text(install_group())
        words = ["--dry-run", "--root", str(root), "--cache", str(cache.path), "--result", str(result)]
        words += ["--architecture", seen.architecture] if seen.architecture else []
        done = run(["sh", str(script), *words, "--", group], timeout=LIMIT, check=False)
        with contextlib.suppress(OSError):
            text = read_bounded(result, "result-bytes").decode("utf-8", "replace").replace(str(root), "")
            return _read_result(group, cache, seen, text)
    message = f"cannot check {seen.name}: the installer exited with status {done.returncode} and no result"
    raise PackageCacheError(message, details=done.stdout + done.stderr)


def _write_root(root: Path, seen: SeenSystem, provided: Iterator[str]) -> None:
    for path, content in seen.contents.items():
        _put(root, path, content)
    for folder in ("updates", "info"):  # without them dpkg-query refuses the database
        on_the_host(root, f"{DPKG}/{folder}").mkdir(parents=True, exist_ok=True)
    for path in (f"{folder}/{name}" for folder in _PROGRAM_FOLDERS for name in _PROGRAMS):
        mode = seen.files.mode(path)
        if mode is not None and stat.S_ISREG(mode) and mode & 0o111:
            _put(root, path, mode=0o755)
    for path in sorted(provided, reverse=True):  # the contents of a folder before the folder
        if not path.startswith("/") or {"", ".", ".."} & set(path[1:].split("/")) or "\0" in path:
            continue  # it would leave the root
        mode, place = seen.files.mode(path), on_the_host(root, path)
        with contextlib.suppress(OSError):  # a name that is too long
            if mode is not None and stat.S_ISDIR(mode):
                place.mkdir(parents=True, exist_ok=True)
            elif mode is not None and not place.exists():
                _put(root, path)


def _put(root: Path, path: str, content: bytes = b"", *, mode: int = 0o644) -> None:
    place = on_the_host(root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    place.chmod(mode)


def _provided(group: str, cache: CacheFolder, seen: SeenSystem) -> Iterator[str]:
    """Yield the paths that a group provides; none if its file is unreadable, which the installer will report."""
    file = f"{group_folder(group, seen.system)}/{seen.architecture}.group"
    with contextlib.suppress(OSError):
        for line in cache.inside.read(file, "cache-file-bytes").decode("utf-8", "surrogateescape").split("\n"):
            key, _, value = line.partition(" ")
            if key == "provides":
                yield value


def _read_result(group: str, cache: CacheFolder, seen: SeenSystem, text: str) -> Verdict:
    """Read a result file: `key=value` lines, in which a key may come more than once."""
    values: dict[str, list[str]] = {}
    for line in text.split("\n"):
        key, _, value = line.partition("=")
        values.setdefault(key, []).append(value)
    code, message, next_step = (values.get(key, [""])[-1] for key in ("status", "message", "next"))
    status = next((one for one in ExitStatus if str(one.code) == code), ExitStatus.INTERNAL)
    if status is ExitStatus.USAGE and seen.architecture is None:
        message, next_step = "its dpkg does not state its architecture", "name it with --architecture"
    if status is ExitStatus.DPKG_BROKEN:  # dpkg quotes the file, which does not belong into a log
        message = _POSITION.sub(r"\1", message)
    if status is ExitStatus.INSTALLED:
        files = tuple(_file(value) for value in values.get("package", ()))
        method = predicted_method(group, cache, seen, values) if files else None
        return Verdict(group, Prediction.HIT if files else Prediction.THERE, status, files, method=method)
    if status.code not in range(10, 40):  # a problem of this machine, such as no space
        raise PackageCacheError(f"cannot check {seen.name}: {message}", hint=next_step or None, status=status)
    rows = (value.split("|", 4) for value in values.get("obstacle", ()))
    reasons = tuple(Reason(Obstacle[kind.upper().replace("-", "_")], *rest) for kind, *rest in rows)
    words = "".join(f"{line}\n" for line in values.get("apt", ()))
    return Verdict(group, Prediction.MISS, status, (), message, next_step, reasons, words)


def _file(value: str) -> PlannedFile:
    name, rest = value.split(" ", 1)
    version, architecture, size, sha256 = rest.rsplit(" ", 3)
    return PlannedFile(name, version, architecture, int(size), sha256)
