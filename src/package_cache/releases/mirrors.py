"""The mirrors of a distribution's archive, in the order to try. Our code contains no host name.

First the user's choice (command line, environment, manifest, in this order: the caller merges them), then this
machine's own apt sources if it runs the same distribution, then the distribution's own base URI.
"""

import functools
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.apt.network import apt_setting
from package_cache.errors import ToolMissingError, UsageError
from package_cache.filesystem.paths import read_bounded
from package_cache.process import CommandError, run
from package_cache.releases.distributions import Archive
from package_cache.releases.os_release import read_os_release
from package_cache.uris import HOW_TO_LOG_IN, URI, has_credentials, without_credentials

SECURITY = "-security"

MIRROR_LIST = re.compile(r"mirror\+(?:file|copy):(?://)?(/.+?)/?")
"""apt-transport-mirror(1) with a list that is a local file. Lists on a server may be unreachable."""

_PRIORITY = re.compile(r"\spriority:([0-9]{1,9})(?!\S)")


@dataclass(frozen=True)
class HostMirrors:
    """This machine's own mirrors of an archive."""

    usable: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    """Sources of an unsupported kind, or without an apt method on this machine."""


def mirrors_of(archive: Archive, chosen: Mapping[str, Sequence[str]], *, host: Path = Path("/")) -> tuple[str, ...]:
    """Return the URIs to try for an archive, best first, each once, without a slash at the end.

    `chosen` has URIs by the archive's name. If the user chose some, no others are tried: an air-gapped site must not
    reach for the internet. Raises `UsageError` if one of these is not the URI of a mirror.
    """
    own = tuple(chosen.get(archive.name, ()))
    for uri in own:
        check_uri(uri, f"a mirror of {archive.name}", f"{archive.name}=scheme://host/path")
    base = archive.base_uri.rstrip("/")
    # The template of Debian names only the server of its security archive, whose documentation also names a folder.
    folder = () if urllib.parse.urlsplit(base).path else (f"{base}/{archive.name}",)
    found = own or (*host_mirrors(archive, host).usable, *folder, base)
    return tuple(dict.fromkeys(uri.rstrip("/") for uri in found))


def check_uri(uri: str, what: str, example: str) -> None:
    """Raise `UsageError` if a URI that the user named as `what` has a password, or is not valid for apt."""
    if has_credentials(uri):
        message = f"cannot use {without_credentials(uri)} as {what} with user and password in its URI"
        raise UsageError(f"{message}: everybody here could read them", hint=HOW_TO_LOG_IN)
    if not URI.fullmatch(uri):
        hint = f"write one like {example}, with a scheme of apt's such as https or file, and %20 for a blank"
        raise UsageError(f"cannot use {uri!r} as {what}: it is not a URI that leads to one", hint=hint)


def host_mirrors(archive: Archive, host: Path = Path("/")) -> HostMirrors:
    """Return this machine's own mirrors of an archive, with mirror lists expanded."""
    if read_os_release(host).get("ID") != archive.name.removesuffix(SECURITY):
        return HostMirrors()
    methods = Path(apt_setting("Dir::Bin::methods") or "/usr/lib/apt/methods")
    usable: dict[str, None] = {}
    skipped: dict[str, None] = {}
    for uri, release, component, origin in _host_targets():
        is_security = release.endswith((SECURITY, "/updates"))
        # Without lists apt does not know the origin. A wrong guess only costs time: signatures decide.
        is_ours = origin.lower() == archive.name.removesuffix(SECURITY) or not origin
        if is_ours and component == "main" and is_security == archive.name.endswith(SECURITY):
            found = [one for one in _expanded(uri) if URI.fullmatch(one) and (methods / one.partition(":")[0]).exists()]
            usable.update(dict.fromkeys(found))
            skipped.update({} if found else {without_credentials(uri.rstrip("/")): None})
    return HostMirrors(tuple(usable), tuple(skipped))


def _expanded(uri: str) -> Iterator[str]:
    """Yield the mirrors of a mirror list in apt's order, or any other URI itself."""
    match = MIRROR_LIST.fullmatch(uri)
    if match is None:
        yield without_credentials(uri).replace(" ", "%20").rstrip("/")
        return
    try:
        text = read_bounded(Path(match[1]), "manifest-bytes").decode("utf-8", "replace")
    except (OSError, ValueError):
        return
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in sorted(lines, key=lambda line: int(found[1]) if (found := _PRIORITY.search(line)) else 10**9):
        yield without_credentials(line.split()[0]).rstrip("/")


@functools.cache
def _host_targets() -> Sequence[tuple[str, ...]]:
    """Return URI, release, component and origin of each source of this machine's apt, read once.

    Apt knows origins only of sources with lists, and omits the other sources if it is asked for origins.
    """
    fields = ("$(REPO_URI)", "$(RELEASE)", "$(COMPONENT)")
    origins = dict(line.rsplit("|", 1) for line in _indextargets((*fields, "$(ORIGIN)")))
    lines = dict.fromkeys(_indextargets(fields, "--no-release-info"))
    return [(*line.rsplit("|", 2), origins.get(line, "")) for line in lines]


def _indextargets(fields: Sequence[str], *options: str) -> Sequence[str]:
    """Run `apt-get indextargets`, which takes a second in images without `pkgcache.bin`, such as Docker's."""
    argv = ["apt-get", "indextargets", *options, "--format", "|".join(fields), "Created-By: Packages"]
    try:
        return run(argv, timeout=30).stdout.splitlines()
    except (CommandError, ToolMissingError):
        return ()  # no usable apt on this machine: use the distribution's own base URI


def uri_below(base: str, path: str) -> str:
    """Return the URI of a file in an archive, escaped as apt does (RFC 3986; `~` and `+` stay)."""
    return f"{base.rstrip('/')}/{urllib.parse.quote(path, safe='/~+')}"
