"""Keys that vouch for archives: a distribution's own keyring, and the keys of third-party repositories.

Debian 12 has no package of Ubuntu's keys, Debian 13 has one, and Ubuntu has one of Debian's. A missing keyring is
installed from its package in the newest release of a distribution whose keyring this machine has, which verifies it.
Keys of third parties are found by fingerprint in local keyrings. Key servers are never asked: anybody can publish a key
there.
"""

import contextlib
import hashlib
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from package_cache.apt.isolated import AptRoot, Source
from package_cache.archive.downloads import Download, download
from package_cache.bounds import check_bound
from package_cache.errors import PackageCacheError, ToolMissingError, VerificationError
from package_cache.events import Listener, Step, Warn, ignore
from package_cache.filesystem.paths import read_bounded, write_atomically
from package_cache.filesystem.state import OPTION, private_folder
from package_cache.filesystem.temporary import temporary_folder
from package_cache.filesystem.write_errors import writing_to
from package_cache.names import PackageRequest
from package_cache.openpgp import PublicKey, read_public_keys
from package_cache.process import run
from package_cache.releases.distributions import DATA, known_systems, newest_release
from package_cache.releases.mirrors import mirrors_of
from package_cache.settings import Options
from package_cache.system import DEFAULT_ARCHITECTURE, System

MAX_AGE = 30 * 24 * 3600.0
"""Seconds after which a keyring that was fetched is fetched again: keys rotate about once in two years."""


def keyring_for(distribution: str, options: Options, listener: Listener = ignore, *, data: Path = DATA) -> Path:
    """Return the keyring file of a distribution's archive: the user's, this machine's, or one fetched and verified.

    The state keeps fetched keyrings. Raises `PackageCacheError`: with the status of `VerificationError` if this
    machine's keys do not verify those of the distribution, else with the status of the first failure.
    """
    if chosen := options.keyrings.get(distribution):
        return chosen
    own = _installed(distribution, data)
    if own.exists():
        return own
    kept = private_folder(options.state) / "keyrings" / own.name
    if kept.exists() and time.time() - kept.stat().st_mtime < MAX_AGE:
        return kept
    try:
        content = _fetch(distribution, options, data, listener)
    except PackageCacheError as error:
        if not kept.exists():
            raise
        listener(Warn(f"the keys of {distribution} could not be brought up to date: {error.message}"))
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, content)
    return kept


def _installed(distribution: str, data: Path) -> Path:
    """Return the path that Debian and its derivatives use for a distribution's keyring."""
    return data / "keyrings" / f"{distribution}-archive-keyring.gpg"


def _fetch(distribution: str, options: Options, data: Path, listener: Listener) -> bytes:
    failures: list[PackageCacheError] = []
    others = {System.parse(name).distribution for name in known_systems(data)} - {distribution}
    for voucher in sorted(name for name in others if _installed(name, data).exists()):
        listener(Step(f"fetching the keys of {distribution}, vouched for by those of {voucher}"))
        try:
            return _fetch_from(voucher, distribution, options, data)
        except PackageCacheError as error:
            failures.append(error)
    distrusted = not failures or any(isinstance(error, VerificationError) for error in failures)
    raise PackageCacheError(
        f"cannot get the keys of {distribution}'s archive",
        details="\n".join(map(str, failures)),
        hint=f"put them at {_installed(distribution, data)}, or name a file: --keyring {distribution}=FILE",
        status=VerificationError.status if distrusted else failures[0].status,
    )


def _fetch_from(voucher: str, distribution: str, options: Options, data: Path) -> bytes:
    release = newest_release(voucher, DEFAULT_ARCHITECTURE, data)
    archive = release.archives[0]
    uris, keyring = mirrors_of(archive, options.mirrors), _installed(voucher, data)
    source = Source(voucher, uris, (release.series,), archive.components, keyring)
    root = AptRoot(options.state, [release.system.architecture], [source], auth=options.auth)
    root.update()
    path = f"usr/share/keyrings/{distribution}-archive-keyring.gpg"
    for name in sorted({f"{distribution}-archive-keyring", f"{distribution}-keyring"} & root.apt.names()):
        [package] = (item for item in root.apt.plan([PackageRequest(name)]) if item.name == name)
        with contextlib.suppress(FileNotFoundError), temporary_folder() as folder:
            deb = Path(folder) / "keyring.deb"
            check_bound("keyring-bytes", package.size, f"the package {name}")
            wanted = Download((f"{package.base_uri}/{package.path}",), deb, package.sha256, package.size)
            download([wanted], auth=options.auth)
            run(["dpkg-deb", "--extract", str(deb), folder], timeout=60)
            return read_bounded(Path(folder) / path, "keyring-bytes")
    raise VerificationError(f"cannot find a package of {distribution}'s keys in {voucher} {release.series}")


LOCAL_FOLDERS = ("etc/apt/keyrings", "usr/share/keyrings", "etc/apt/trusted.gpg.d")
"""sources.list(5), Signed-By: the keyrings of the administrator's sources, of packages, and of all sources."""


def installed_keys(
    fingerprints: Collection[str], *, gnupg: Path | None = None, host: Path = Path("/")
) -> dict[str, PublicKey]:
    """Return those of the keys that this machine's keyrings have, or the user's in the GnuPG home `gnupg`.

    Copies of a key, perhaps before and after a renewal, are merged.
    """
    found: dict[str, bytes] = {}
    for content in _keyrings(host, fingerprints, gnupg):
        try:
            keys = read_public_keys(content)
        except ValueError:
            continue  # not ours: an old keybox, a note
        for key in keys:
            if key.fingerprint in fingerprints:
                found[key.fingerprint] = found.get(key.fingerprint, b"") + key.content
    return {fingerprint: read_public_keys(content)[0] for fingerprint, content in found.items()}


def _keyrings(host: Path, fingerprints: Collection[str], gnupg: Path | None) -> Iterator[bytes]:
    paths = [path for folder in LOCAL_FOLDERS for path in sorted((host / folder).glob("*.*"))]
    for path in [*(path for path in paths if path.suffix in (".gpg", ".asc")), host / "etc/apt/trusted.gpg"]:
        try:
            yield read_bounded(path, "keyring-bytes")
        except OSError:
            continue
    if gnupg is not None and gnupg.is_dir():
        options = ["--homedir", str(gnupg), "--batch", "--no-tty", "--quiet", "--armor"]
        with contextlib.suppress(ToolMissingError):
            argv = ["gpg", *options, "--export", *sorted(fingerprints)]
            yield run(argv, check=False, timeout=60).stdout.encode()


def keyring_file(keys: Sequence[PublicKey], state: Path) -> Path:
    """Write a keyring of exactly these keys for apt. Return its path.

    Its name is the hash of its content with the suffix `.gpg`: apt tells armoured files by the suffix alone.
    """
    content = b"".join(key.content for key in keys)
    with writing_to(state, option=OPTION):
        path = private_folder(state) / "keys" / f"{hashlib.sha256(content).hexdigest()[:16]}.gpg"
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
    return path.absolute()
