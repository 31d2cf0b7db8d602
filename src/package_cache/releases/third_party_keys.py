"""Keys of repositories beside the distribution's: found by fingerprint in keyrings that are here, written for apt.

No key server is ever asked: anybody may put a key there.
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
"""sources.list(5), Signed-By: where keys are for the administrator's sources, for packages' ones, and for all."""


def installed_keys(
    fingerprints: Collection[str], *, gnupg: Path | None = None, host: Path = Path("/")
) -> dict[str, PublicKey]:
    """Return those keys that this machine's keyrings have, or the user's in the GnuPG home `gnupg`.

    Of a key that several have, perhaps before and after it was renewed, what one of them has counts.
    """
    found: dict[str, bytes] = {}
    for content in _keyrings(host, fingerprints, gnupg):
        try:
            keys = read_public_keys(content)
        except ValueError:
            continue  # somebody else's file: an old keybox, a note
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
    """Write these keys, and no others, where apt can read them; give the file.

    Its name is of its content, and it ends in `.gpg`: apt takes a file for armoured by the end of its name alone.
    """
    content = b"".join(key.content for key in keys)
    with writing_to(state, option=OPTION):
        path = private_folder(state) / "keys" / f"{hashlib.sha256(content).hexdigest()[:16]}.gpg"
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
    return path.absolute()
