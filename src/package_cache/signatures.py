"""OpenPGP signatures of caches: gpg makes them, by the user's agent or with a key from a file; gpgv checks them.

Public keys of archives are none of this: `openpgp`, `releases.keyrings`.
"""

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.errors import PackageCacheError, UsageError, VerificationError
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.paths import read_bounded
from package_cache.filesystem.temporary import temporary_folder
from package_cache.openpgp import read_public_keys
from package_cache.process import CommandError, need_tools, run

LIMIT = 120.0
"""Seconds for one signature: an agent may ask its user for a passphrase."""

_GPG = ("gpg", "--batch", "--no-tty", "--quiet")


@dataclass(frozen=True)
class Signature:
    """The signatures of a `Release`, each by all keys."""

    clear: bytes
    """`InRelease`: the text with them (RFC 9580, 7)."""
    detached: bytes
    """`Release.gpg`: them alone, armoured."""


@dataclass(frozen=True)
class Signer:
    """Signs by secret keys that gpg has."""

    fingerprints: tuple[str, ...]
    home: Path | None = None
    """Of gpg; None: the user's own."""

    def sign(self, text: bytes) -> Signature:
        """Sign a text of ASCII lines. Raises `PackageCacheError` with NOT_SIGNED."""
        return Signature(self._gpg(text, "--clear-sign"), self._gpg(text, "--armor", "--detach-sign"))

    def _gpg(self, text: bytes, *command: str) -> bytes:
        users = [word for fingerprint in self.fingerprints for word in ("--local-user", fingerprint)]
        argv = [*_GPG, *_home(self.home), "--digest-algo", "SHA512", *users, *command, "--output", "-"]
        try:
            return run(argv, stdin=text.decode("ascii"), timeout=LIMIT).stdout.encode("ascii")
        except CommandError as error:
            raise _not_signed(self.fingerprints, error.details) from error


def _home(home: Path | None) -> tuple[str, ...]:
    return ("--homedir", str(home)) if home else ()


def _not_signed(fingerprints: Sequence[str], details: str) -> PackageCacheError:
    return PackageCacheError(
        f"cannot sign with {' and '.join(fingerprints)}",
        details=details,
        hint="have the secret key at hand, neither expired nor revoked, and its passphrase in gpg's agent "
        "(sign something with gpg first); or name a file with a key without a passphrase: --signing-key",
        status=ExitStatus.NOT_SIGNED,
    )


@contextlib.contextmanager
def signer(fingerprints: Collection[str], key_file: Path | None = None) -> Iterator[Signer | None]:
    """Yield what signs by all of these keys, which gpg has or which are in a file; None without fingerprints.

    Keys of the file are in no keyring of the user meanwhile. Raises `PackageCacheError` with NOT_SIGNED where a key
    cannot sign, and `ToolMissingError`.
    """
    wanted = tuple(dict.fromkeys(fingerprints))
    if not wanted:
        yield None
        return
    need_tools("gpg", "gpgconf")
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(temporary_folder())) if key_file else None
        if key_file:
            stack.callback(run, ["gpgconf", *_home(home), "--kill", "all"], check=False)
            _import(key_file, wanted, home)
        found = Signer(wanted, home)
        found.sign(b"trial\n")  # before anything is built
        yield found


def need_signer(signed_by: Collection[str], signing: Signer | None) -> None:
    """Raise `UsageError` where groups that these keys signed are about to change, and nothing signs them again."""
    if signed_by and signing is None:
        raise UsageError(
            "cannot change what is signed without signing it again",
            hint=f"name the key: {' '.join(f'--sign-by {fingerprint}' for fingerprint in signed_by)}",
        )


def _import(key_file: Path, wanted: Sequence[str], home: Path | None) -> None:
    try:
        run([*_GPG, *_home(home), "--import", str(key_file)], timeout=LIMIT)
    except CommandError as error:
        raise _not_signed(wanted, error.details) from error


_WORDS = {
    "BADSIG": "its signature is of other bytes",
    "REVKEYSIG": "the key that signed it is revoked",
    "EXPKEYSIG": "the key that signed it has expired",
    "EXPSIG": "its signature has expired",
}
"""What gpgv says of a signature that does not count: doc/DETAILS of GnuPG."""

_VALID = re.compile(
    r"^\[GNUPG:\] GOODSIG .*\n(?:(?!\[GNUPG:\] (?:NEW|VALID)SIG).*\n)*\[GNUPG:\] VALIDSIG (.*)$", re.MULTILINE
)
"""A good signature; the last word is the fingerprint of the key, the first that of its subkey."""

_STATUS = re.compile(r"^\[GNUPG:\] ([A-Z]+)", re.MULTILINE)


@dataclass(frozen=True)
class Keyring:
    """Public keys that are trusted."""

    path: Path
    """A file that gpgv reads: not armoured."""

    def check(self, text: bytes, signature: Signature) -> str:
        """Return why no valid key of this keyring signed a text, by both forms; empty if one did."""
        with temporary_folder() as name:
            files = {"Release": text, "Release.gpg": signature.detached, "InRelease": signature.clear}
            for file, content in files.items():
                Path(name, file).write_bytes(content)
            detached, _ = self._gpgv("--", f"{name}/Release.gpg", f"{name}/Release")
            clear, said = self._gpgv("--output", "-", "--", f"{name}/InRelease")
        if not (detached or clear) and said.encode() != text:
            return "its InRelease is of another text"
        return detached or clear

    def signers(self, *files: Path) -> tuple[str, ...]:
        """Return the fingerprints of the keys whose signatures count, of an InRelease or of Release.gpg and Release."""
        done = run([*self._command, "--", *map(str, files)], check=False, timeout=LIMIT)
        return tuple(sorted({words.split()[-1] for words in _VALID.findall(done.stderr)}))

    @property
    def _command(self) -> tuple[str, ...]:
        weak = ("--weak-digest", "SHA1")
        return ("gpgv", "--homedir", "/", *weak, "--keyring", str(self.path), "--status-fd", "2")

    def _gpgv(self, *arguments: str) -> tuple[str, str]:
        done = run([*self._command, *arguments], check=False, timeout=LIMIT)
        found = _STATUS.findall(done.stderr)
        bad = next((words for word, words in _WORDS.items() if word in found), "no key of the keyring signed it")
        return ("" if "GOODSIG" in found and "BADSIG" not in found else bad), done.stdout


@contextlib.contextmanager
def keyring(file: Path) -> Iterator[Keyring]:
    """Yield the keys of a file, armoured or not.

    Raises `UsageError` if it cannot be read, `VerificationError` if it has none.
    """
    need_tools("gpgv")
    try:
        keys = read_public_keys(read_bounded(file, "keyring-bytes"))
    except OSError as error:
        raise UsageError(
            f"cannot read the keyring {file}: {error.strerror}", hint="name a file of public keys"
        ) from error
    except ValueError as error:
        raise VerificationError(f"cannot use the keyring {file}: it {error}") from error
    with temporary_folder() as name:
        path = Path(name, "keyring.gpg")
        path.write_bytes(b"".join(key.content for key in keys))
        yield Keyring(path)
