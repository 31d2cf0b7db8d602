"""Throw-away OpenPGP keys: each is made once for a test run, and it and its agent are gone after it."""

import atexit
import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from package_cache.process import run

EXPIRED = "expired"
"""The name of a key that was valid for two days of the year 2020."""

RENEWED = "renewed"
"""The name of a key that was as well, until its owner renewed it: see `SigningKey.renew`."""


@dataclass(frozen=True)
class SigningKey:
    """A key that can sign, in a GnuPG home of its own."""

    home: Path
    at: str | None = None
    """The time that its gpg believes in, for a key that has expired since."""

    def _gpg(self, *options: str) -> str:
        gpg = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--quiet", "--no-tty", "--passphrase", ""]
        time = ["--faked-system-time", self.at] if self.at else []
        whole = [*gpg, "--pinentry-mode", "loopback", "--digest-algo", "SHA512", *time, *options]
        return run(whole, timeout=60).stdout

    @property
    def fingerprint(self) -> str:
        """The 40 digits of the key itself."""
        return self._fingerprints[0]

    @property
    def subkey(self) -> str:
        """The 40 digits of its subkey, which signs; made where it is not there yet."""
        if len(self._fingerprints) == 1:
            self._gpg("--quick-add-key", self.fingerprint, "rsa2048", "sign", "never")
        return self._fingerprints[1]

    @property
    def _fingerprints(self) -> list[str]:
        rows = self._gpg("--list-keys", "--with-colons").splitlines()
        return [row.split(":")[9] for row in rows if row.startswith("fpr:")]

    def secret(self) -> str:
        """The secret key, armoured, as nobody should ever give it away."""
        return self._gpg("--armor", "--export-secret-keys")

    def sign_inline(self, source: Path, target: Path, *, digest: str = "SHA512") -> None:
        """Write what InRelease is: the text of `source` with the signature around it."""
        self._gpg("--digest-algo", digest, "--clearsign", "--output", str(target), str(source))

    def sign_detached(self, source: Path, target: Path) -> None:
        """Write what Release.gpg is: the armoured signature alone."""
        self._gpg("--armor", "--detach-sign", "--output", str(target), str(source))

    def export_revoked(self, target: Path) -> None:
        """Write the public key with its revocation, which gpg makes with each key; here it stays valid."""
        certificate = (
            (self.home / "openpgp-revocs.d" / f"{self.fingerprint}.rev").read_text().replace(":-----", "-----")
        )
        with tempfile.TemporaryDirectory(prefix="package-cache-key-", dir="/tmp") as folder:
            other = SigningKey(Path(folder), self.at)
            for name, text in {"key.asc": self._gpg("--armor", "--export"), "revocation.asc": certificate}.items():
                (Path(folder) / name).write_text(text)
                other._gpg("--import", str(Path(folder) / name))
            other.export(target)
            run(["gpgconf", "--homedir", folder, "--kill", "all"], check=False, timeout=20)

    def renew(self) -> None:
        """Remove the expiry of the key and add a signing subkey."""
        later = SigningKey(self.home)
        later._gpg("--quick-set-expire", self.fingerprint, "0")
        later.subkey  # noqa: B018  # made by looking at it

    def export(self, target: Path, *, armoured: bool = False) -> Path:
        """Write the public key, as Signed-By wants it (`.asc` where armoured), and give the path."""
        self._gpg(*(["--armor"] if armoured else []), "--output", str(target), "--export")
        return target


@functools.cache
def throwaway_key(name: str = "archive") -> SigningKey:
    """Return the key of that name: the same one for the whole test run, RSA, which every apt since 2010 can check."""
    # Right below /tmp, not in $TMPDIR: the agent's socket lies in there, and unix(7) allows its path 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="package-cache-key-", dir="/tmp"))
    key = SigningKey(home, "20200101T000000!" if name in (EXPIRED, RENEWED) else None)
    atexit.register(_forget, home)
    valid = "2d" if name in (EXPIRED, RENEWED) else "never"
    key._gpg("--quick-generate-key", f"Test {name} <{name}@example.invalid>", "rsa2048", "sign", valid)
    return key


def _forget(home: Path) -> None:
    run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, timeout=20)  # this home's agent alone
    shutil.rmtree(home, ignore_errors=True)
