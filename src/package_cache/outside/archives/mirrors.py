"""Which mirrors of a distribution's archive are tried, in which order. No host name stands in our code.

First what the user chose (command line, environment, manifest, in this order: the caller merges them), then this
machine's own apt sources where it runs the same distribution, then the distribution's own base URI.
"""

import functools
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from package_cache.outside.archives.distributions import Archive
from package_cache.outside.os_release import read_os_release
from package_cache.outside.run import CommandError, run
from package_cache.values.errors import ToolMissingError, UsageError
from package_cache.values.uris import HOW_TO_LOG_IN, has_credentials, without_credentials

SECURITY = "-security"


def mirrors_of(archive: Archive, chosen: Mapping[str, Sequence[str]], *, host: Path = Path("/")) -> tuple[str, ...]:
    """Give the URIs to try for an archive, best first, each once, without a slash at the end.

    `chosen` gives URIs by the archive's name. Where the user chose some, no others are tried: an air-gapped site
    must not wander off to the internet. Raises `UsageError` where one is not a URI.
    """
    found = tuple(chosen.get(archive.name, ())) or (*_host_mirrors(archive, host), archive.base_uri)
    for uri in found:
        if has_credentials(uri):
            shown = without_credentials(uri)
            message = f"cannot use {shown} as a mirror of {archive.name} with user and password in its URI"
            raise UsageError(f"{message}: everybody here could read them", hint=HOW_TO_LOG_IN)
        if "://" not in uri and not uri.startswith(("file:", "copy:")):
            raise UsageError(
                f"cannot use {uri!r} as a mirror of {archive.name}: it is not a URI",
                hint=f"write one like {archive.name}=scheme://host/path",
            )
    return tuple(dict.fromkeys(uri.rstrip("/") for uri in found))


def _host_mirrors(archive: Archive, host: Path) -> Iterator[str]:
    if read_os_release(host).get("ID") != archive.name.removesuffix(SECURITY):
        return
    for line in _host_targets():
        uri, release, origin, component = line.rsplit("|", 3)
        is_security = release.endswith((SECURITY, "/updates"))
        # Without lists apt does not know the origin yet. A wrong guess costs time only: signatures decide.
        is_ours = origin.lower() == archive.name.removesuffix(SECURITY) or not origin
        if is_ours and component == "main" and is_security == archive.name.endswith(SECURITY):
            yield without_credentials(uri)


@functools.cache
def _host_targets() -> Sequence[str]:
    """Ask this machine's apt, once: where its image keeps no `pkgcache.bin`, as Docker's do, it takes a second."""
    fields = ("$(REPO_URI)", "$(RELEASE)", "$(ORIGIN)", "$(COMPONENT)")
    argv = ["apt-get", "indextargets", "--format", "|".join(fields), "Created-By: Packages"]
    try:
        return run(argv, timeout=30).stdout.splitlines()
    except (CommandError, ToolMissingError):
        return ()  # no usable apt on this machine: the distribution's own base URI is left


def uri_below(base: str, path: str) -> str:
    """Give the URI of a file of an archive, escaped as apt does it (RFC 3986; `~` and `+` may stand)."""
    return f"{base.rstrip('/')}/{urllib.parse.quote(path, safe='/~+')}"
