"""Roots of other releases: made once by mmdebstrap(1) from signed archives, kept, never changed afterwards.

    <state>/roots/<key>/root          the root, for `sandbox.isolation.disposable_root`
    <state>/roots/<key>/root.json     from what it was made
    <state>/roots/.building-<key>/    in progress, or left by a killed build (the next build removes it)
    <state>/roots/.<key>.lock         held by who makes it

The key is the digest of everything that decides what is in the root.
"""

import contextlib
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from package_cache.apt.messages import NO_ANSWER, distrust
from package_cache.apt.network import authorities, how_to_trust, portable_lines
from package_cache.apt.solver import GPGV
from package_cache.errors import ArchiveError, PackageCacheError, VerificationError
from package_cache.events import Listener, Step, ignore
from package_cache.filesystem.paths import exclusive, sha256_of, write_atomically
from package_cache.filesystem.state import private_folder
from package_cache.filesystem.temporary import temporary_folder
from package_cache.process import CommandError, find_tool, piped, run
from package_cache.sandbox.chroot import end_processes
from package_cache.sandbox.emulation import REGISTRY, registry_lines
from package_cache.sandbox.isolation import Isolation
from package_cache.sandbox.namespaces import hold, identities

FORMAT = 2
"""Increased when roots are made differently, so that older ones are not reused."""

WAIT = 900.0
"""Seconds to wait for another process that makes the same root."""

LIMIT = 1800.0
"""Seconds that making a root may take."""

_BUILDING = ".building-"

_SHOWN = Path("/boot/package-cache")
"""Where `as_root` shows what its root could not reach: mmdebstrap does not use it, and in no release it is there."""


@dataclass(frozen=True)
class RootSource:
    """The archives and keys from which a root is made."""

    suite: str
    """Of the plain release, such as `bionic`."""
    architecture: str
    repositories: tuple[str, ...]
    """Lines of sources.list(5) in one-line style."""
    keyring: Path
    """The keys that must have signed them."""
    others: tuple[tuple[str, ...], ...] = ()
    """The same lines with other mirrors, in the order to try where one does not answer rightly."""


def make_root(
    source: RootSource, *, state: Path, isolation: Isolation, include: Sequence[str] = (), listener: Listener = ignore
) -> Path:
    """Return a minimal root (mmdebstrap's variant `minbase`) with the packages `include`; make it if none is kept.

    It has the newest versions of all repositories. Whoever comes while another makes the same root waits for it. Raises
    `ArchiveError` where an archive does not answer, `VerificationError` where the keyring does not vouch for it,
    `ToolMissingError`, else `PackageCacheError`, with mmdebstrap's last words.
    """
    include = sorted({"apt", *include})  # not every release calls it required
    for repositories in (source.repositories, *source.others):
        inputs = {
            "format": FORMAT,
            "suite": source.suite,
            "architecture": source.architecture,
            "repositories": repositories,
            "keyring_sha256": sha256_of(source.keyring),
            "include": include,
            "owner": root_owner(isolation),
        }
        fill = partial(_debootstrap, replace(source, repositories=repositories), include, isolation, listener)
        try:
            return keep_root(inputs, fill, state=state, isolation=isolation)
        except (ArchiveError, VerificationError) as error:
            failure = error
    raise failure


def root_owner(isolation: Isolation) -> tuple[int, int]:
    """Return the user and group that root's files in a root belong to: part of what decides it."""
    if isolation is Isolation.CHROOT:
        return os.geteuid(), os.getegid()
    return identities("uid")[0][1], identities("gid")[0][1]


def keep_root(inputs: Mapping[str, object], fill: Callable[[Path], None], *, state: Path, isolation: Isolation) -> Path:
    """Return the root that these inputs decide; if it is not kept yet, `fill` makes it in an empty folder.

    Whoever comes while another makes the same root waits for it.
    """
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]
    roots = private_folder(state) / "roots"
    kept = roots / key / "root"
    if kept.is_dir():
        return kept
    roots.mkdir(parents=True, exist_ok=True)
    with exclusive(roots / f".{key}.lock", wait=WAIT):
        if not kept.is_dir():  # another process may have made it while we waited
            with _building(roots, key, isolation) as folder:
                root = folder / "root"
                root.mkdir()
                root.chmod(0o755)
                if os.geteuid() == 0:
                    os.chown(root, *root_owner(isolation))
                fill(root)
                write_atomically(folder / "root.json", json.dumps(inputs, indent=1).encode() + b"\n")
                folder.rename(roots / key)
    return kept


def archive_root(path: Path, archive: Path, isolation: Isolation, *, without: Sequence[str] = ()) -> None:
    """Write a tar archive of a root that `make_root` gave, with its owners as they are in it.

    `without` are patterns of tar(1) for paths that begin with `./`. Raises `CommandError`.
    """
    left_out = [f"--exclude={pattern}" for pattern in without]
    with as_root(isolation, path) as (prefix, place), archive.open("wb") as file:
        argv = ["tar", "--directory", str(place), *left_out, "--sort=name", "--numeric-owner", "--create", "."]
        with piped([*prefix, *argv]) as stream:
            shutil.copyfileobj(stream, file)


@contextlib.contextmanager
def _building(roots: Path, key: str, isolation: Isolation) -> Iterator[Path]:
    """Yield an empty folder to build in; remove it afterwards, and those that killed builds left."""
    for leftover in roots.glob(f"{_BUILDING}*"):
        other = leftover.name.removeprefix(_BUILDING)
        if other == key:
            _remove(leftover, isolation)
            continue
        with contextlib.suppress(PackageCacheError), exclusive(roots / f".{other}.lock", wait=0):
            _remove(leftover, isolation)
    folder = roots / f"{_BUILDING}{key}"
    folder.mkdir()
    try:
        yield folder
    finally:
        if folder.exists():
            _remove(folder, isolation)


def _remove(folder: Path, isolation: Isolation) -> None:
    end_processes(folder / "root")
    argv = ["rm", "-rf", "--one-file-system", "--", str(folder)]
    if os.geteuid() == 0:
        run(argv)
        return
    with as_root(isolation) as (prefix,):  # the files may belong to ids that only our user namespace has
        run([*prefix, *argv])


@contextlib.contextmanager
def as_root(isolation: Isolation, *shown: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the argv prefix that runs a program as root among this machine's files, and where it finds `shown`.

    That root is the owner of roots: it cannot open what root alone can, but for the files and folders `shown`.
    """
    if isolation is Isolation.CHROOT:
        yield (find_tool("setpriv"), "--pdeathsig", "TERM"), *shown
        return
    places = [_SHOWN / f"shown{number}" for number in range(len(shown))]
    before = [f"mount -t tmpfs -o mode=755 tmpfs {_SHOWN.parent}; mkdir {_SHOWN}"]
    for place, path in zip(places, shown, strict=True):
        made = "mkdir" if path.is_dir() else ": >"
        before.append(f"{made} {place}; mount --bind {shlex.quote(str(path.resolve()))} {place}")
    registry = registry_lines(f"/{REGISTRY}") if isolation is Isolation.EMULATION else []
    setup = ["mount -t proc proc /proc", *registry]
    with hold(setup, ["--mount", "--pid"], user=True, before=before) as holder:
        yield holder.enter, *places


_PAM_FIRST = (
    'cd "$1/var/cache/apt/archives" && for deb in systemd_*.deb; do if [ -e "$deb" ]; then '
    'chroot "$1" sh -c "dpkg --force-depends --install /var/cache/apt/archives/libpam-runtime_*.deb"; fi; done'
)
"""Where systemd is Essential (Ubuntu 16.04), its postinst needs PAM's configuration, which dpkg may unpack too late."""

_NO_DEVICES = """mkdir -p "$1/dev"
if mknod "$1/dev/try" c 1 3 2>/dev/null; then rm "$1/dev/try"
else
  ln -sf null "$1/dev/.devfsd"
  [ -e "$1/proc/1" ] || { mkdir -p "$1/proc/1"; echo container=lxc > "$1/proc/1/environ"; }
fi"""
"""If we may make no device nodes, convince makedev (Ubuntu 16.04) that another program manages /dev.

Its postinst exits if /dev/.devfsd is a device, as it is if mmdebstrap may mount this machine's /dev/null; otherwise
mmdebstrap mounts no /proc either, and the postinst exits because /proc/1/environ names LXC.
"""

_NO_SYSFS = """#!/bin/sh
case $1$2 in -tsysfs) shift 2; set -- -t tmpfs "$@" ;; esac
exec {mount} "$@"
"""
"""A mount(8) for mmdebstrap that mounts an empty file system instead of sysfs, which no package needs.

Sysfs takes rights over the network namespace, which a user namespace lacks; mmdebstrap up to 0.8 ends without it.
"""

_FORGET_THE_HOST = """cd "$1"
rm -rf dev/.devfsd proc/1 etc/resolv.conf etc/hostname etc/apt/apt.conf.d/99mmdebstrap
cat > etc/apt/sources.list"""
"""Remove this machine's resolver and name and our own options, which do not belong to the release."""

_APT_OPTIONS = (
    'Acquire::Languages "none"',
    "Acquire::Retries 3",
    "Acquire::http::Timeout 30",
    "Acquire::https::Timeout 30",
    'APT::Sandbox::User "root"',  # its own user may not exist among our ids, nor read our folders
    'APT::Get::Always-Include-Phased-Updates "true"',  # the same root for everybody
    f'APT::Key::GPGVCommand "{GPGV}"',
)


def _debootstrap(
    source: RootSource, include: Sequence[str], isolation: Isolation, listener: Listener, target: Path
) -> None:
    listener(Step(f"making a root of {source.suite} {source.architecture}"))
    options = [f"--include={','.join(include)}", *(f"--aptopt={option}" for option in _APT_OPTIONS)]
    command = [
        str(Path(find_tool("mmdebstrap")).resolve()),
        "--mode=root", "--variant=minbase", "--format=directory", f"--architectures={source.architecture}", *options,
        f"--extract-hook={_NO_DEVICES}", f"--extract-hook={_PAM_FIRST}",
        "--skip=check/qemu",  # `isolation` is one in which the architecture's programs run; mmdebstrap takes arch-test
    ]  # fmt: skip
    tools = target.with_name("tools")  # beside the root: programs can be run there
    tools.mkdir()
    (tools / "mount").write_text(_NO_SYSFS.format(mount=find_tool("mount")))
    (tools / "mount").chmod(0o755)
    try:
        with (
            temporary_folder() as folder,
            as_root(isolation, target, source.keyring, tools, Path(folder)) as (prefix, *places),
        ):
            place, keyring, first, settings = places
            path = os.pathsep.join((str(first), *os.get_exec_path()))
            # mmdebstrap writes apt's configuration below the new root; nothing else of this machine's is read.
            clean = ("env", "--unset=APT_CONFIG", "--unset=TMPDIR", f"PATH={path}")
            option = _tell_network(Path(folder), settings, isolation)
            last = (option, f"--keyring={keyring}", source.suite, str(place), *source.repositories)
            run([*prefix, *clean, *command, *last], timeout=LIMIT)
            sources = "".join(f"{line}\n" for line in source.repositories)
            run([*prefix, "sh", "-euc", _FORGET_THE_HOST, "sh", str(place)], stdin=sources)
    except CommandError as error:
        raise _explained(source, error) from error
    shutil.rmtree(tools)


def _tell_network(folder: Path, seen: Path, isolation: Isolation) -> str:
    """Write the way to the net into a folder that mmdebstrap sees as `seen`; return the option that names the file.

    A proxy's password stands in it, which an argument would show to all (ps(1)).
    """
    lines = portable_lines()
    for number, (name, text) in enumerate(authorities().items()):
        (folder / f"{number}.crt").write_text(text)
        lines.append(f'{name} "{seen}/{number}.crt";')
    (folder / "apt.conf").write_text("".join(f"{line}\n" for line in lines))
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, *root_owner(isolation))
    return f"--aptopt={seen}/apt.conf"


_UNANSWERED = ("Could not connect", "Failed to fetch", "Could not resolve", "does not have a Release file")


def _explained(source: RootSource, error: CommandError) -> PackageCacheError:
    """Return the error for a failure, classified by the output of apt and mmdebstrap."""
    what = f"cannot make a root of {source.suite} {source.architecture}"
    tail = "\n".join(error.output.splitlines()[-40:])
    if error.returncode is None:
        return PackageCacheError(f"{what}: it took longer than {LIMIT:g} s", details=tail)
    if distrust(error.output):
        hint = "use the distribution's current keyring, or another mirror"
        return VerificationError(f"{what}: the archive's signature is not valid", details=tail, hint=hint)
    if any(sign in error.output for sign in _UNANSWERED):
        message = f"{what}: an archive did not answer correctly"
        return ArchiveError(message, details=tail, hint=how_to_trust(error.output) or NO_ANSWER)
    return PackageCacheError(f"{what}: mmdebstrap ended with status {error.returncode}", details=tail)
