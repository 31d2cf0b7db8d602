"""Recognition of secrets by content. A recording must not hand out one key to all containers, whatever its rules say.

A file that is wrongly taken for a secret costs a recording; a secret that is missed is the same in every container. So
the checks err on the side of the secret. They are for files that differ between two installations.
"""

import collections
import math
import re
import struct

SHORTEST = 16
"""Bytes of a random value that is worth guessing: 64 bits in hexadecimal."""

RANDOM = 2.25
"""Bits per byte from which a run of bytes counts as random. Of 16 random hexadecimal digits one in 10,000 has less as
counted here. Long words have as much, and count as random, too."""

WINDOW = 2 * SHORTEST
"""Bytes of which the bits are counted together, a window every SHORTEST bytes: a key among zeros is random, too."""

_NO_ACCESS_OF_OTHERS = 0o077
_READABLE_BY_OTHERS = 0o004

_DER = rb"\A\x30(?:[\x20-\x7f]|\x81.|\x82..)"
"""The head of a sequence of 32 to 65535 bytes."""

_PATTERNS = {
    # RFC 7468, with the headers of older ones; programs that read such keys have the first line alone.
    "a private key in PEM": rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[ \t\r]*\n"
    rb"(?:[A-Za-z-]+:[^\n]*\n|[ \t\r]*\n)*[A-Za-z0-9+/=]{16}",
    "a private key of PuTTY": rb"\APuTTY-User-Key-File-",
    "a private key of GnuPG": rb"\((?:\d+:)?(?:protected-|shadowed-)?private-key\b",
    "a private key of Dropbear": rb"\A\0\0\0[\x07-\x40](?:ssh|ecdsa)-",
    # PKCS #8 and #1: version 0, then an algorithm or a modulus; RFC 5915: version 1, then an octet string.
    "a private key in DER": _DER + rb"\x02\x01(?:\0[\x02\x30]|\x01\x04)",
    # RFC 7292, appendix D: keyBag, pkcs8ShroudedKeyBag and secretBag of a PFX of version 3.
    "a key store (PKCS #12) with a private key": _DER
    + rb"\x02\x01\x03.*\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01[\x01\x02\x05]",
    "a key table of Kerberos": rb"\A\x05\x02\0\0",
}
_COMPILED = {what: re.compile(pattern, re.DOTALL) for what, pattern in _PATTERNS.items()}

_ASSIGNED = re.compile(
    rb"(?:secret|passw(?:or)?d|passphrase|cookie|token|key)\W{1,8}[A-Za-z0-9+/=_-]{16}", re.IGNORECASE
)

_TEXT = re.compile(rb"[\t-\r\x20-\x7e]*")
_TEXT_RUN = re.compile(rb"\S{%d,}" % SHORTEST)

_JKS, _JCEKS = 0xFEEDFEED, 0xCECECECE
_CERTIFICATE = 2
"""The tag of a trusted certificate in a Java key store; others are private and secret keys."""


def secret_in(path: str, mode: int, content: bytes) -> str | None:
    """Return what secret a file seems to be, such as "a private key in PEM"; None if it seems to be none.

    `path` is absolute; `mode` has its permissions.
    """
    for what, pattern in _COMPILED.items():
        if pattern.search(content):
            return what
    if _has_java_key(content):
        return "a key store of Java with a private key"
    if "private" in path.split("/")[:-1]:
        return "a file in a folder named private"
    if not mode & _READABLE_BY_OTHERS and _ASSIGNED.search(content):
        return "a password or key in a file that not everyone can read"
    if not mode & _NO_ACCESS_OF_OTHERS and _has_random(content):
        return "random bytes in a file that only its owner can read"
    return None


def _has_random(content: bytes) -> bool:
    """Return whether some run of bytes looks random: in a text one without white space."""
    runs = _TEXT_RUN.findall(content) if _TEXT.fullmatch(content) else [content]
    for run in runs:
        windows = (run[start : start + WINDOW] for start in range(0, len(run), SHORTEST))
        if any(len(window) >= SHORTEST and _bits_per_byte(window) >= RANDOM for window in windows):
            return True
    return False


def _bits_per_byte(run: bytes) -> float:
    """Return the entropy of a run as its own frequencies estimate it (Shannon)."""
    counts = collections.Counter(run).values()
    return sum(-count / len(run) * math.log2(count / len(run)) for count in counts)


def _has_java_key(content: bytes) -> bool:
    """Return whether a Java key store has an entry that is no trusted certificate, or cannot be read.

    The format: magic, version, number of entries; each entry has a tag, an alias (its length in 2 bytes), a time of
    8 bytes, and as a certificate its type (likewise) and its bytes (their length in 4).
    """
    try:
        magic, version, entries = struct.unpack_from(">III", content)
        if magic not in (_JKS, _JCEKS):
            return False
        offset = 12
        for _ in range(entries):
            tag, alias = struct.unpack_from(">IH", content, offset)
            if tag != _CERTIFICATE:
                return True
            offset += 6 + alias + 8
            if version == 2:
                offset += 2 + struct.unpack_from(">H", content, offset)[0]
            offset += 4 + struct.unpack_from(">I", content, offset)[0]
    except struct.error:
        return content[:4] in (_JKS.to_bytes(4), _JCEKS.to_bytes(4))
    return False
