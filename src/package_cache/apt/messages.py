"""What apt's output means: the one module that reads its words.

That apt failed, its status has decided; the words say which source failed, why, and what to do about it.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from package_cache.apt.network import how_to_trust
from package_cache.errors import ArchiveError, PackageCacheError, Problem, VerificationError
from package_cache.uris import UNAUTHORIZED, WANTS_A_LOGIN

NO_ANSWER = "check the network, or name a mirror with --mirror"
"""The next step where a server does not answer."""

_STEPS = re.compile(r"^(Err|Get|Hit):(\d+) (.*)", re.MULTILINE)
"""What `apt-get update --quiet` says of each file, by the number of its line of a terminal."""

_WITHOUT_LISTS = re.compile(
    r"/binary-(?P<missing>[a-z0-9-]+)/Packages\S*\s+404\s|has no packages of (?P<unstated>[a-z0-9-]+),"
)
"""What apt and we say of a mirror that has a release, but not for an architecture."""

_REFUSED = re.compile(r"^E: Failed to fetch \S+InRelease +[45][0-9][0-9] ", re.MULTILINE)

_KEY = r"(?P<key>[0-9A-F]{16,40})"


class Distrust(NamedTuple):
    """Why apt does not trust a source."""

    why: str
    """Empty if it is not known more exactly."""
    hint: str
    """The next step."""
    lasts: bool = True
    """Whether a try again would fail for the same reason, unlike lists that are being replaced."""


_REASONS = {
    rf"NO_PUBKEY {_KEY}": Distrust(
        "it is signed with the key {key}, which is not trusted",
        "if its owner changed the key, get the new one from there, check it, and put it in the place of the old; "
        "if not, another party made this",
    ),
    rf"EXPKEYSIG {_KEY}": Distrust(
        "it is signed with the key {key}, which has expired",
        "get the extended or new key from its owner, and check this machine's clock",
    ),
    rf"REVKEYSIG {_KEY}": Distrust(
        "it is signed with the key {key}, which its owner has revoked",
        "do not use it before its owner has said why, and which key is the next",
    ),
    rf"BADSIG {_KEY}": Distrust(
        "it does not fit its signature by the key {key}: it was altered, or is half of an old state and half of a new",
        "try again later, or another mirror; if it stays so, ask its owner",
        lasts=False,
    ),
    r"(?:Release|InRelease)' is not signed|no longer signed": Distrust(
        "it is not signed", "ask its owner to sign it", lasts=False
    ),
    r"weak security information": Distrust(
        "its Release states no hash that can be trusted: SHA-256 or SHA-512", "ask its owner to publish one"
    ),
    r"is expired \(invalid since (?P<key>[^)]*)\)": Distrust(
        "its lists have expired (invalid since {key})",
        "check this machine's clock; else the mirror is out of date: name another one, or accept it: --allow-expired",
    ),
    r"is not valid yet \(invalid for another (?P<key>[^)]*)\)": Distrust(
        "its lists are from the future (by {key})", "check this machine's clock"
    ),
    r"Hash Sum mismatch|unexpected size": Distrust(
        "its lists do not fit its signed Release",
        "it may be changing right now: try again, or another mirror",
        lasts=False,
    ),
    r"NO_PUBKEY|BADSIG|EXPKEYSIG|KEYEXPIRED|REVKEYSIG|is not signed|not properly signed|invalid signature"
    r"|couldn't be verified|is expired|is not valid yet|Clearsigned file isn't valid": Distrust(
        "", "check the keyring and the clock, or name another mirror", lasts=False
    ),
}
"""By what apt and gpgv say."""


def distrust(words: str) -> Distrust | None:
    """Return why apt does not trust a source; None if its output is not about trust, but only about the network.

    If a server refuses InRelease, apt adds that the repository is not signed, which it cannot know.
    """
    found = [(match, of) for pattern, of in _REASONS.items() if (match := re.search(pattern, words))]
    if not found or _REFUSED.search(words):
        return None
    match, first = found[0]
    return Distrust(first.why.format(**match.groupdict()), first.hint, any(of.lasts for _, of in found))


def has_failed(uri: str, words: str) -> bool:
    """Return whether `apt-get update --quiet` failed for a mirror."""
    uri = re.escape(uri)
    if re.search(rf"^[EW]: (?!Conflicting distribution).*{uri}(?:/|\s|$)", words, re.MULTILINE):
        return True
    # Without a Release apt tries one compression after the other: the last result counts.
    last = {number: (kind, of) for kind, number, of in _STEPS.findall(words)}
    return any(kind == "Err" and re.match(rf"{uri}(?:/|\s|$)", of) for kind, of in last.values())


def lines_about(uri: str, words: str) -> str:
    """Return the lines that name a mirror, with the indented lines below them; all lines if none does."""
    about = [text for text in re.split(r"\n(?! )", words) if re.search(rf"{re.escape(uri)}(?:/|\s|$)", text)]
    return "\n".join(about) or words


def complaints(words: str) -> list[str]:
    """Return the errors and warnings of `apt-get update`, each once."""
    return list(dict.fromkeys(text for text in re.split(r"\n(?! )", words) if text.startswith(("E:", "W:"))))


def unusable(what: str, words: str, trusted: str = "") -> PackageCacheError:
    """Return the error for sources that `apt-get update` could not use: unreachable or not trusted."""
    details = "\n".join(complaints(words)) or words
    if reason := distrust(words):
        problems = [Problem(text) for text in (reason.why, f"trusted: {trusted}" if trusted else "") if text]
        message = f"cannot trust what the mirrors of {what} sent"
        return VerificationError(message, problems=problems, details=details, hint=reason.hint)
    hint = WANTS_A_LOGIN if UNAUTHORIZED.search(words) else how_to_trust(words) or NO_ANSWER
    if without := _WITHOUT_LISTS.search(words):
        architecture = without["missing"] or without["unstated"]
        hint = f"name a mirror that has {architecture} with --mirror: it is asked where those before it fail"
    return ArchiveError(f"cannot reach any mirror of {what}", details=details, hint=hint)


NOT_CHOSEN = "is not going to be installed"
"""Apt's message for a package that is available, but excluded by a reason that apt does not print."""
NOT_INSTALLABLE = "is not installable"
"""Apt's message for a package that no repository has."""

_UNMET = re.compile(
    r" (?:(\S+) :)? +(?:(Pre-?Depends|Depends|Recommends|Conflicts|Breaks): )?(\S+)(?: (\(\S+ \S+\)))?(.*)"
)


@dataclass(frozen=True)
class Unmet:
    """One relation that apt could not satisfy."""

    package: str
    relation: str
    """`Depends`, `Conflicts`, ..."""
    name: str
    version: str
    """With its operator, such as `(>= 2)`; or empty."""
    said: str


def unmet(words: str) -> list[Unmet]:
    """Return the rows of apt's table of unmet dependencies (apt-private/private-output.cc), which explains a failure:

    wanted : Depends: needed (= 2.0) but 1.0 is to be installed
             Conflicts: enemy but 1.0 is to be installed
    """
    found = []
    package, relation = "", "Depends"
    for line in words.splitlines():
        match = _UNMET.fullmatch(line)
        package = match[1] or package if match else ""
        if match and package:
            relation = (match[2] or relation).replace("PreDepends", "Pre-Depends")
            found.append(Unmet(package, relation, match[3], match[4] or "", match[5]))
    return found
