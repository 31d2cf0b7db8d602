"""The fallback for plugins: the commands that install packages from the image's own apt sources.

What they do stands in the script, `installer/online_fallback.sh`; here only its command line is made.
"""

import shlex
from collections.abc import Iterable, Sequence

from package_cache.installer import online_fallback as online_fallback_program
from package_cache.names import PackageRequest

LIMIT = 1800
"""Seconds that all of it may take, where nothing else is said."""


def online_fallback(packages: Sequence[str], *, recommends: bool = False, limit: int = LIMIT) -> list[str]:
    """Give the shell commands that install `packages` online, fit for `fallback_cmds` of `try_to_install_by_cache`.

    `packages` are written as for apt-get: `name`, `name:architecture`, `name=version`. With `recommends`, what they
    recommend comes too. `limit` is the number of seconds after which all of it gives up.

    The commands are for bash, dash and busybox sh, in an image of the Debian family (apt 1.2 or newer), as root. They
    wait for dpkg's lock, put a dpkg in order that was left half configured, try again what may pass, and go on where
    one of several sources is dead, expired or unsigned. Nothing comes from a source that is not signed, whatever the
    image's apt configuration allows. Their status is 0 if, and only if, dpkg has every package installed in the end;
    the others are the installer's (docs/exit-statuses.md). All of what they promise stands in docs/plugins.md.

    Raises `TypeError` where an argument has another type, `ValueError` where a name or number is none.
    """
    names = [str(request) for request in _requests(packages)]
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limit must be a number of seconds such as {LIMIT}, not {limit!r}")
    if not 1 <= limit < 10_000_000:
        raise ValueError(f"limit must be from 1 to 9999999 seconds, not {limit}")
    options = [*(["--recommends"] if recommends else []), "--limit", str(limit)]
    return [shlex.join(["/bin/sh", "-c", online_fallback_program(), "online_fallback", *options, "--", *names])]


def _requests(packages: object) -> list[PackageRequest]:
    if isinstance(packages, str | bytes) or not isinstance(packages, Iterable):
        raise TypeError(f"packages must be a list: write online_fallback([{packages!r}])")
    requests = []
    for index, package in enumerate(packages):
        if not isinstance(package, str):
            raise TypeError(f"packages[{index}] must be a str such as 'openssh-server', not {package!r}")
        try:
            requests.append(PackageRequest.parse(package))
        except ValueError as error:
            raise ValueError(f"packages[{index}]: {error}") from None
    if not requests:
        raise ValueError("packages is empty: name at least one")
    return requests
