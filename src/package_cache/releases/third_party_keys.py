"""Keys of third-party repositories: found by fingerprint in local keyrings, written for apt.

Key servers are never asked: anybody can publish a key there.
"""

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from package_cache.errors import ToolMissingError
from package_cache.filesystem.paths import read_bounded, write_atomically
from package_cache.filesystem.state import OPTION, private_folder
from package_cache.filesystem.write_errors import writing_to
from package_cache.openpgp import PublicKey, read_public_keys
from package_cache.process import run

FOLDERS = ("etc/apt/keyrings", "usr/share/keyrings", "etc/apt/trusted.gpg.d")
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
    paths = [path for folder in FOLDERS for path in sorted((host / folder).glob("*.*"))]
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
