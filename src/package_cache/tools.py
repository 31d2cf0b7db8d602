"""The tools of the system that each verb needs: what is missing is named at once, before the work starts."""

import os
from collections.abc import Iterable

from package_cache.manifest.model import Manifest
from package_cache.process import need_tools
from package_cache.settings import Options

ARCHIVES = (
    "apt-get", "apt-cache", "apt-config", "apt-helper", "dpkg-deb", "gpgv", "prlimit", "setpriv",
    "/usr/share/distro-info", "/usr/share/python-apt/templates",
)  # fmt: skip
"""To resolve, download and read packages."""

PACKAGES = ("apt-helper", "dpkg-deb", "setpriv")
"""To download and read those that a lock names."""

DRY_RUNS = ("apt-get", "dpkg", "dpkg-query", "setpriv")
"""To ask the installer for a dry run."""

REGISTRIES = ("skopeo", "prlimit", "setpriv")
"""To read and push images."""


def containers() -> tuple[str, ...]:
    """Return what runs a stranger's programs; an ordinary user needs help to map ids."""
    mapping = () if os.geteuid() == 0 else ("newuidmap", "newgidmap")
    return ("runc", "nsenter", "unshare", "setpriv", *mapping)


def need_for_lock(manifest: Manifest, options: Options, references: Iterable[str | None] = ()) -> None:
    """Raise `ToolMissingError` with all that resolving a manifest needs, and reading images by these references."""
    tools = [*ARCHIVES]
    if any(group.precommands is not None for group in manifest.groups):
        tools.append("mmdebstrap")
        tools += () if options.uncontained_precommands and os.geteuid() == 0 else containers()
    need_tools(*tools, *_for_reading(references))


def need_for_check(references: Iterable[str | None], *, install: bool) -> None:
    """Raise `ToolMissingError` with all that checking images by these references needs; `install`: also for real."""
    need_tools(*DRY_RUNS, *_for_reading(references), *(containers() if install else ()))


def _for_reading(references: Iterable[str | None]) -> tuple[str, ...]:
    return REGISTRIES if any((reference or "").startswith("docker:") for reference in references) else ()
