"""Removes users and passwords from URIs before they are printed, stored or passed to other programs."""

import re

HOW_TO_LOG_IN = "leave them out, and give them to apt: apt_auth.conf(5), or a file of that form with --auth-file"
WANTS_A_LOGIN = (
    "the server wants a user and a password, or others: write them for apt, as apt_auth.conf(5) says, "
    "into /etc/apt/auth.conf.d, or into a file for --auth-file"
)
UNAUTHORIZED = re.compile(r"\b401 +Unauthorized")
"""RFC 9110, 15.5.2, as apt prints it."""

URI = re.compile(r"(?!cdrom:|mirror)[a-z][a-z0-9+.-]*:/(?:/\[[0-9A-Fa-f:.]+\])?[^\s\[\]\"'#]+", re.ASCII)
"""RFC 3986. Neither cdrom: (asks for a disc) nor mirror: (apt waits without a bound for a dead mirror)."""

_USER_INFO = re.compile(r"(//)[^/\s]*@")  # to the last @ before the path: a password may hold one


def without_credentials(text: str) -> str:
    """Return a URI, or a text with URIs, without user and password."""
    return _USER_INFO.sub(r"\1", text)


def has_credentials(uri: str) -> bool:
    """Return whether a URI names a user, with or without a password."""
    return _USER_INFO.search(uri) is not None
