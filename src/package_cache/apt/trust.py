"""Explains why apt rejected a source, from its output and that of gpgv; that it did, apt's status has decided."""

import re

UNTRUSTED = re.compile(
    r"NO_PUBKEY|BADSIG|EXPKEYSIG|KEYEXPIRED|REVKEYSIG|is not signed|not properly signed|invalid signature"
    r"|no longer signed|couldn't be verified|is expired|is not valid yet|Hash Sum mismatch|unexpected size"
    r"|Clearsigned file isn't valid|weak security information"
)

_LASTING = re.compile(r"NO_PUBKEY|EXPKEYSIG|REVKEYSIG|weak security information|is expired \(|is not valid yet \(")
"""Failures that a retry cannot fix, unlike lists that are being replaced or a broken connection."""

_REFUSED = re.compile(r"^E: Failed to fetch \S+InRelease +[45][0-9][0-9] ", re.MULTILINE)

_KEY = r"(?P<key>[0-9A-F]{16,40})"
_SAYINGS = (
    (
        rf"NO_PUBKEY {_KEY}",
        "it is signed with the key {key}, which is not trusted",
        "if its owner changed the key, get the new one from there, check it, and put it in the place of the old; "
        "if not, another party made this",
    ),
    (
        rf"EXPKEYSIG {_KEY}",
        "it is signed with the key {key}, which has expired",
        "get the extended or new key from its owner, and check this machine's clock",
    ),
    (
        rf"REVKEYSIG {_KEY}",
        "it is signed with the key {key}, which its owner has revoked",
        "do not use it before its owner has said why, and which key is the next",
    ),
    (
        rf"BADSIG {_KEY}",
        "it does not fit its signature by the key {key}: it was altered, or is half of an old state and half of a new",
        "try again later, or another mirror; if it stays so, ask its owner",
    ),
    (r"(?:Release|InRelease)' is not signed|no longer signed", "it is not signed", "ask its owner to sign it"),
    (
        r"weak security information",
        "its Release states no hash that can be trusted: SHA-256 or SHA-512",
        "ask its owner to publish one",
    ),
    (
        r"is expired \(invalid since (?P<key>[^)]*)\)",
        "its lists have expired (invalid since {key})",
        "check this machine's clock; else the mirror is out of date: name another one, or accept it: --allow-expired",
    ),
    (
        r"is not valid yet \(invalid for another (?P<key>[^)]*)\)",
        "its lists are from the future (by {key})",
        "check this machine's clock",
    ),
    (
        r"Hash Sum mismatch|unexpected size",
        "its lists do not fit its signed Release",
        "it may be changing right now: try again, or another mirror",
    ),
)
ELSE = "check the keyring and the clock, or name another mirror"


def is_untrusted(words: str) -> bool:
    """Return whether apt's output is about trust, not only about the network.

    If a server refuses InRelease, apt adds that the repository is not signed, which it cannot know.
    """
    return UNTRUSTED.search(words) is not None and _REFUSED.search(words) is None


def stays_untrusted(words: str) -> bool:
    """Return whether a retry would fail for the same reason."""
    return is_untrusted(words) and _LASTING.search(words) is not None


def why_untrusted(words: str) -> tuple[str, str]:
    """Return what is wrong with a source, "" if unknown, and the next step."""
    for pattern, message, hint in _SAYINGS:
        if match := re.search(pattern, words):
            return message.format(**match.groupdict()), hint
    return "", ELSE
