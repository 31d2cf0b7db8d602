"""OpenPGP public keys (RFC 9580) as far as a manifest needs them: which keys a file holds, and their fingerprints.

Apt verifies signatures, not this module: it only recognizes keys and selects one key of several.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from package_cache.escaping import visible_line

FINGERPRINT = re.compile(r"[0-9A-F]{40}", re.ASCII)
"""RFC 9580, 5.5.4.2: the fingerprint of a version 4 key, the only version that every apt can check."""

ARMOUR = re.compile(
    r"^-----BEGIN PGP (?P<kind>[A-Z ,/0-9]+)-----[ \t]*\n(?P<body>.*?)^-----END PGP (?P=kind)-----", re.M | re.S
)
SIGNATURE, TRUST, PUBLIC_KEY, PUBLIC_SUBKEY, SECRET_KEY, SECRET_SUBKEY, USER_ID = 2, 12, 6, 14, 5, 7, 13
HOW_TO_EXPORT = "export it: gpg --armor --export FINGERPRINT"


@dataclass(frozen=True)
class PublicKey:
    """One key with its user ids, subkeys and the signatures on them."""

    fingerprint: str
    subkeys: tuple[str, ...]
    """Their fingerprints."""
    user: str
    """Its first user id, "" if it has none."""
    content: bytes
    """Its packets, not armoured."""

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.user})" if self.user else self.fingerprint


def read_public_keys(content: bytes) -> tuple[PublicKey, ...]:
    """Return the keys of a file or a text, armoured or not: at least one, each once, with the packets of all copies.

    Raises `ValueError`, "what is wrong: what to write", if it contains no key, or a secret one.
    """
    if content[8:12] == b"KBXf":
        raise ValueError(f"is a keybox of GnuPG and no exported key: {HOW_TO_EXPORT}")
    packets = list(_packets(_without_armour(content)))
    if any(tag in (SECRET_KEY, SECRET_SUBKEY) for tag, _, _ in packets):
        raise ValueError(f"holds a secret key, which must never leave its owner: {HOW_TO_EXPORT}")
    starts = [index for index, (tag, _, _) in enumerate(packets) if tag == PUBLIC_KEY]
    if not starts or starts[0] != 0:
        raise ValueError(f"is not an OpenPGP key: {HOW_TO_EXPORT}")
    ends = [*starts[1:], len(packets)]
    copies: dict[str, list[Packet]] = {}
    for start, end in zip(starts, ends, strict=True):
        copies.setdefault(_fingerprint(packets[start][1]), []).extend(packets[start:end])
    return tuple(_key(_merged(found)) for found in copies.values())


def written_fingerprint(text: str) -> str | None:
    """Return a fingerprint without blanks and `0x`, in upper case; None if the text is not a fingerprint."""
    plain = re.sub(r"\s", "", text).upper().removeprefix("0X")
    return plain if FINGERPRINT.fullmatch(plain) else None


Packet = tuple[int, bytes, bytes]
"""A packet's tag, its body, and the packet with its header."""


def _key(packets: list[Packet]) -> PublicKey:
    users = (body.decode(errors="replace") for tag, body, _ in packets if tag == USER_ID)
    user = next(users, "")
    return PublicKey(
        _fingerprint(packets[0][1]),
        tuple(_fingerprint(body) for tag, body, _ in packets if tag == PUBLIC_SUBKEY),
        visible_line(user),
        b"".join(whole for _, _, whole in packets),
    )


def _merged(packets: Sequence[Packet]) -> list[Packet]:
    """Merge the packets of several copies of one key, so that a later expiry in one of them counts.

    Each user id and subkey comes once, followed by the signatures of all copies (RFC 9580, 10.1.1).
    """
    parts: dict[tuple[int, bytes], dict[Packet, None]] = {}
    for packet in packets:
        if packet[0] not in (SIGNATURE, TRUST):
            part = parts.setdefault(packet[:2], {packet: None})
        else:
            part[packet] = None
    order = {PUBLIC_KEY: 0, PUBLIC_SUBKEY: 2}
    return [packet for kind in sorted(parts, key=lambda kind: order.get(kind[0], 1)) for packet in parts[kind]]


def _fingerprint(body: bytes) -> str:
    if body[:1] != b"\x04":
        version = body[0] if body else 0
        raise ValueError(f"is a key of version {version}, which apt cannot check: ask its owner for one of version 4")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()


def _without_armour(content: bytes) -> bytes:
    """Return the packets of all armoured blocks (RFC 9580, 6.2), or the content itself if it is not armoured."""
    if b"-----BEGIN" not in content:
        return content
    blocks = [*ARMOUR.finditer(content.decode("latin-1").replace("\r\n", "\n"))]
    if not blocks:
        raise ValueError("begins like an OpenPGP key and has no end: copy all of it, the line with END PGP included")
    return b"".join(_block(match["kind"], match["body"]) for match in blocks)


def _block(kind: str, body: str) -> bytes:
    if "PRIVATE" in kind:
        raise ValueError(f"holds a secret key, which must never leave its owner: {HOW_TO_EXPORT}")
    if kind != "PUBLIC KEY BLOCK":
        raise ValueError(f"is a PGP {kind} and no public key: {HOW_TO_EXPORT}")
    lines = [line.strip() for line in body.split("\n")]
    if "" in lines:  # headers such as Comment: end at a blank line
        lines = lines[lines.index("") + 1 :]
    data = "".join(line for line in lines if not line.startswith("="))  # "=" and four characters: the checksum
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise ValueError("is an OpenPGP key that was damaged: copy all of it again") from None


def _packets(data: bytes) -> Iterator[Packet]:
    at = 0
    while at < len(data):
        tag, start, end = _header(data, at)
        if not at < start <= end <= len(data):
            raise ValueError("is not an OpenPGP key, or one that was cut: copy all of it again")
        yield tag, data[start:end], data[at:end]
        at = end


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Return a packet's tag, start and end of its body (RFC 9580, 4.2); (0, 0, 0) if there is no packet."""
    first = data[at]
    if not first & 0x80:
        return 0, 0, 0
    if not first & 0x40:  # the old format: 1, 2 or 4 bytes of length
        size = (1, 2, 4, 0)[first & 3]
        length = int.from_bytes(data[at + 1 : at + 1 + size], "big") if size else len(data)
        return first >> 2 & 0xF, at + 1 + size, at + 1 + size + length
    octet = data[at + 1] if at + 1 < len(data) else 255
    if octet < 192:
        return first & 0x3F, at + 2, at + 2 + octet
    if octet < 224:
        length = ((octet - 192) << 8) + (data[at + 2] if at + 2 < len(data) else 0) + 192
        return first & 0x3F, at + 3, at + 3 + length
    if octet == 255:
        return first & 0x3F, at + 6, at + 6 + int.from_bytes(data[at + 2 : at + 6], "big")
    return 0, 0, 0  # a partial length, which keys must not have
