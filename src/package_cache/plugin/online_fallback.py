"""The fallback for plugins: the commands that install packages from the image's own apt sources.

The script `installer/online_fallback.sh` does the work; this module makes its command line.
"""

import shlex
from collections.abc import Iterable, Sequence

from package_cache.installer import online_fallback as online_fallback_program
from package_cache.names import PackageRequest

LIMIT = 1800
"""Default of the maximum seconds for the whole fallback."""


def online_fallback(packages: Sequence[str], *, recommends: bool = False, limit: int = LIMIT) -> list[str]:
    """Return the shell commands that install `packages` online, for `fallback_cmds` of `try_to_install_by_cache`.

    Write `packages` as for apt-get: `name`, `name:architecture`, `name=version`. `recommends` also installs
    recommended packages. `limit` is the maximum number of seconds.

    The commands are for bash, dash and busybox sh, in an image of the Debian family (apt 1.2 or newer), as root. They
    wait for dpkg's lock, repair half-configured packages, retry temporary failures, and continue if one of several
    sources is dead, expired or unsigned. They install nothing from an unsigned source, whatever the image's apt
    configuration allows. Their status is 0 if and only if dpkg has every package installed in the end; the other
    statuses are the installer's (docs/exit-statuses.md). docs/plugins.md has the details.

    Raises `TypeError` for an argument of another type, `ValueError` for an invalid name or number.
    """
    names = [str(request) for request in _requests(packages)]
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limit must be a number of seconds such as {LIMIT}, not {limit!r}")
    if not 1 <= limit < 10_000_000:
        raise ValueError(f"limit must be from 1 to 9999999 seconds, not {limit}")
    options = ["true" if recommends else "false", str(limit)]
    return [shlex.join(["/bin/sh", "-c", online_fallback_program(), "online_fallback", *options, *names])]


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
