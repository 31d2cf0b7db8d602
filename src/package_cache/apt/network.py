"""Network settings of this machine's apt configuration (apt.conf(5), apt-transport-https(1)).

Proxies and certificates apply to our own apt, to downloads and to roots. Settings that weaken trust do not:
`Verify-Peer "false"` and `Verify-Host "false"` are not copied.
"""

import functools
import re
from pathlib import Path

from package_cache.errors import ToolMissingError
from package_cache.filesystem.paths import read_bounded
from package_cache.process import CommandError, run

NOT_THIS_MACHINES = ('Dir::Etc::main "/dev/null";', 'Dir::Etc::parts "/dev/null";')
"""Lines of an `APT_CONFIG` file by which apt reads no other configuration."""

_LINE = re.compile(r'(?P<name>[^\s"]+) "(?P<value>[^"]*)";')
_NETWORK = re.compile(r"Acquire::(?:(?:http|https|ftp|tor|socks)::.+|ForceIPv[46])", re.IGNORECASE)
_NOT_TAKEN = re.compile(r".*::(?:Timeout|Verify-Peer|Verify-Host)", re.IGNORECASE)
"""The timeout is ours."""

_WEAKENED = re.compile(r".*::(?:Verify-Peer|Verify-Host)", re.IGNORECASE)
_CERTIFICATE = re.compile("certificate (?:verification|verify) failed|certificate issuer is unknown", re.IGNORECASE)
"""Messages of GnuTLS and, from apt 3 on, of OpenSSL."""

_AUTHORITIES = re.compile(r".*::(?:CaInfo|CaPath)", re.IGNORECASE)
_OF_THIS_MACHINE = re.compile(
    r".*::(?:CaInfo|CaPath|CrlFile|IssuerCert|SslCert|SslKey|Proxy-?Auto-?Detect)(?:::.*)?", re.IGNORECASE
)
"""Files and programs of this machine, some of them secret."""


@functools.cache
def _settings() -> tuple[tuple[str, str], ...]:
    """Read the complete configuration of this machine's apt, once."""
    try:
        text = run(["apt-config", "dump"], check=False, timeout=20).stdout
    except (CommandError, ToolMissingError):
        return ()
    found = [match for line in text.splitlines() if (match := _LINE.fullmatch(line))]
    return tuple((match["name"], match["value"]) for match in found if match["value"])


def apt_setting(name: str) -> str:
    """Return one setting of this machine's apt, "" if it is not set."""
    return next((value for other, value in _settings() if other == name), "")


def network_settings() -> tuple[tuple[str, str], ...]:
    """Return the names and values of settings that affect how servers are reached."""
    return tuple(item for item in _settings() if _NETWORK.fullmatch(item[0]) and not _NOT_TAKEN.fullmatch(item[0]))


def network_lines() -> list[str]:
    """Return them as lines of apt.conf(5)."""
    return [f'{name} "{value}";' for name, value in network_settings()]


def portable_lines() -> list[str]:
    """Return those lines that are valid in a root, without this machine's files and programs."""
    return [f'{name} "{value}";' for name, value in network_settings() if not _OF_THIS_MACHINE.fullmatch(name)]


def authorities() -> dict[str, str]:
    """Return the certificates (PEM) that `CaInfo` and `CaPath` name, by the setting's name with `CaInfo` at its end.

    Unreadable files are left out: apt reports them itself.
    """
    found: dict[str, str] = {}
    for name, value in network_settings():
        if _AUTHORITIES.fullmatch(name):
            folder, key = Path(value), f"{name.rpartition('::')[0]}::CaInfo"
            files = sorted(folder.iterdir()) if folder.is_dir() else [folder]
            found[key] = found.get(key, "") + "".join(map(_text, files))
    return found


def _text(path: Path) -> str:
    try:
        return read_bounded(path, "keyring-bytes").decode("ascii", "ignore")
    except OSError:
        return ""


def how_to_trust(words: str) -> str | None:
    """Return the next step if apt's output is about a server's certificate, else None."""
    if not _CERTIFICATE.search(words):
        return None
    hint = 'name the authority that vouches for this server: Acquire::https::CAInfo "FILE"; in apt.conf(5)'
    off = ("false", "no", "0", "off", "without", "disable")
    if any(_WEAKENED.fullmatch(name) and value.lower() in off for name, value in _settings()):
        return f"{hint}; Verify-Peer and Verify-Host of this machine do not count"
    return hint
