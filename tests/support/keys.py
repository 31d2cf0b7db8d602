"""Throw-away OpenPGP keys: each is made once for a test run, and it and its agent are gone after it."""

import atexit
import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from package_cache.outside.run import run


@dataclass(frozen=True)
class SigningKey:
    """A key that can sign, in a GnuPG home of its own."""

    home: Path

    def _gpg(self, *options: str) -> None:
        gpg = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--quiet", "--no-tty", "--passphrase", ""]
        run([*gpg, "--pinentry-mode", "loopback", "--digest-algo", "SHA512", *options], timeout=60)

    def sign_inline(self, source: Path, target: Path) -> None:
        """Write what InRelease is: the text of `source` with the signature around it."""
        self._gpg("--clearsign", "--output", str(target), str(source))

    def sign_detached(self, source: Path, target: Path) -> None:
        """Write what Release.gpg is: the armoured signature alone."""
        self._gpg("--armor", "--detach-sign", "--output", str(target), str(source))

    def export(self, target: Path, *, armoured: bool = False) -> Path:
        """Write the public key, as Signed-By wants it (`.asc` where armoured), and give the path."""
        self._gpg(*(["--armor"] if armoured else []), "--output", str(target), "--export")
        return target


@functools.cache
def throwaway_key(name: str = "archive") -> SigningKey:
    """Give the key of that name: the same one for the whole test run, RSA, which every apt since 2010 can check."""
    # Right below /tmp, not in $TMPDIR: the agent's socket lies in there, and unix(7) allows its path 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="package-cache-key-", dir="/tmp"))
    key = SigningKey(home)
    atexit.register(_forget, home)
    key._gpg("--quick-generate-key", f"Test {name} <{name}@example.invalid>", "rsa2048", "sign", "never")
    return key


def _forget(home: Path) -> None:
    run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, timeout=20)  # this home's agent alone
    shutil.rmtree(home, ignore_errors=True)
