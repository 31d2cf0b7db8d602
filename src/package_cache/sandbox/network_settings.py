"""What a disposable root is told of this machine's way to the net: proxies and certificates, no keys or passwords.

In the root they lie where its own programs look for them, so that they count for its apt and for what it runs.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

from package_cache.apt.network import authorities, portable_lines
from package_cache.filesystem.paths import read_bounded
from package_cache.sandbox.container import Container

ENVIRONMENT = "/etc/package-cache-environment"
"""A file of shell in the root that exports the variables which name proxies: a password in one is nothing for ps(1)."""

SETTINGS = "/etc/apt/apt.conf.d/00package-cache"

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""Of all authorities that a system trusts; the package ca-certificates makes it anew, those of `LOCAL` included."""

LOCAL = "/usr/local/share/ca-certificates"
"""update-ca-certificates(8): what the administrator trusts beside the distribution's."""


def tell_network(container: Container, proxies: Mapping[str, str]) -> None:
    """Write them into a root that has a network; `proxies` are variables of the environment."""
    lines = portable_lines()
    for number, (name, text) in enumerate(authorities().items()):
        file = f"/etc/ssl/package-cache-{number}.crt"
        lines.append(f'{name} "{file}";')
        _write(container, file, text)
    _write(container, SETTINGS, "".join(f"{line}\n" for line in lines))
    exports = (f"export {name}={shlex.quote(value)}\n" for name, value in proxies.items())
    _write(container, ENVIRONMENT, "".join(exports))
    for path in (Path(BUNDLE), *sorted(Path(LOCAL).glob("*.crt"))):
        try:
            text = read_bounded(path, "keyring-bytes").decode("utf-8", "replace")
        except OSError:
            continue  # this machine has none
        _write(container, str(path), text, unless_there=True)


def _write(container: Container, path: str, text: str, *, unless_there: bool = False) -> None:
    condition = 'if [ -e "$0" ]; then exit 0; fi; ' if unless_there else ""
    script = f'umask 022; {condition}mkdir -p "${{0%/*}}"; cat >"$0"'
    container.run(["sh", "-euc", script, path], stdin=text, timeout=60)
