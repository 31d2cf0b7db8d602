"""One right document of each format, as our own writers write it, from which the wrong ones are made."""

import json
import tomllib
from dataclasses import asdict
from typing import Any

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.layout import FORMAT
from package_cache.cache.package_list import DescribedPackage, list_text
from package_cache.lock.file import lock_text
from package_cache.lock.model import (
    ImageSet,
    Lock,
    LockedGroup,
    LockedImage,
    LockedPackage,
    LockedRepository,
    LockedSystem,
)
from package_cache.system import System

COLUMNS = """\
# group_name, os, packages(space-gapped)
ssh,ubuntu16.04,openssh-client openssh-server
ssh,ubuntu18.04,openssh-client openssh-server

  nfs , ubuntu18.04 , nfs-common:amd64 libc6=2.27-3ubuntu1 ,
tool,ubuntu18.04,tool,echo 'deb [arch=amd64,i386] file:/k' > /etc/apt/sources.list.d/tool.list # ok
"""

TOML = """\
[mirrors]
ubuntu = ["file:/mirror/ubuntu", "file:/other"]
debian-security = ["file:/s"]

[[group]]                                    # the first
name = "ssh"
systems = ["ubuntu16.04", "ubuntu18.04"]
packages = ["openssh-client", "openssh-server=1:7.2p2-4"]
provides = ["/usr/sbin/sshd"]
size-budget = "50 MB"

[[group]]
name = "tool"
systems = ["debian12"]
packages = ["tool:i386"]
architectures = ["amd64", "arm64"]
recommends = true
precommands = '''
echo "hello" > /x
'''

[[repository]]
name = "tools"
uris = ["file:/tools"]
suite = "stable"
components = ["main"]
systems = ["ubuntu18.04"]
allow-unsigned = true
priority = 700

[[repository]]
name = "flat"
uris = ["file:/flat"]
suite = "./"
allow-unsigned = true
"""


def digest(number: int) -> str:
    """Return something that looks like a SHA-256."""
    return f"{number:064x}"


def _lock() -> Lock:
    packages = tuple(
        LockedPackage(name, version, architecture, size, digest(size), repository, f"pool/{name}_{size}.deb")
        for name, version, architecture, size, repository in (
            ("adduser", "3.116ubuntu1", "all", 163000, "ubuntu"),
            ("openssh-server", "1:7.6p1-4ubuntu0.7", "amd64", 332000, "ubuntu"),
            ("tool", "2.0~rc1+dfsg-1", "amd64", 99, "tools"),
        )
    )
    sets = (ImageSet("job", ("adduser_3.116ubuntu1_all",)), ImageSet("training", ()))
    images = (LockedImage("job", reference="oci:job:1"), LockedImage("other", root="../root"), LockedImage("training"))
    groups = (
        LockedGroup(
            "ssh",
            ("openssh-server",),
            tuple(item.key for item in packages[:2]),
            ("/usr/sbin/sshd",),
            companions=tuple(item.key for item in packages[2:]),
        ),
        LockedGroup("tool", ("tool=2.0~rc1+dfsg-1",), tuple(item.key for item in packages), (), True, sets),
    )
    repositories = (LockedRepository("tools", "file:/tools"), LockedRepository("ubuntu"))
    systems = tuple(
        LockedSystem(System.parse(name, architecture), repositories, groups, packages, images)
        for name, architecture in (("ubuntu16.04", "amd64"), ("ubuntu18.04", "arm64"))
    )
    return Lock("package_cache_info", f"sha256:{digest(7)}", systems)


def _description() -> Description:
    names = ("Packages", "Packages.amd64.job-2", "Release", "packages.json", "amd64.group", "arm64.group")
    groups = tuple(
        DescribedGroup(
            "ssh",
            system,
            ("amd64", "arm64"),
            ("openssh-server", "adduser=3.116ubuntu1"),
            "zstd-9",
            2,
            495000,
            {name: digest(number) for number, name in enumerate(names)},
        )
        for system in ("ubuntu16.04", "ubuntu18.04")
    )
    return Description(
        created="2024-01-01T00:00:00+00:00",
        built_by="package-cache 1",
        manifest="package_cache_info",
        manifest_digest=f"sha256:{digest(7)}",
        lock_digest=digest(8),
        installer_digest=digest(9),
        groups=groups,
        packages=2,
        size=495000,
    )


PACKAGE_LIST = list_text(
    (
        DescribedPackage("adduser", "3.116ubuntu1", "all", 163000, digest(1), digest(3)),
        DescribedPackage("openssh-server", "1:7.6p1-4ubuntu0.7", "amd64", 332000, digest(2), digest(2)),
        DescribedPackage("locales", "2.27-3ubuntu1", "all", 1000, digest(4), digest(5), ("amd64", "arm64")),
    )
)
PACKAGE_LIST_TREE: list[Any] = json.loads(PACKAGE_LIST)

LOCK = lock_text(_lock())
LOCK_TREE: dict[str, Any] = tomllib.loads(LOCK)
TOML_TREE: dict[str, Any] = tomllib.loads(TOML)
DESCRIPTION_TREE: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **asdict(_description())}))
DESCRIPTION = json.dumps(DESCRIPTION_TREE, indent=1, ensure_ascii=False, sort_keys=True)
CONTROL = """\
Package: tool
Version: 2.0~rc1+dfsg-1
Architecture: all
Maintainer: Nobody <nobody@example.invalid>
Installed-Size: 24
Pre-Depends: dpkg (>= 1.15), lib | other
Depends: lib (= 1.0), libc6:any, a [amd64] | b <!nocheck>
Provides: tools, tool-api (= 2)
Section: misc
Priority: optional
Description: a tool
 that has a longer text
 .
 in several paragraphs
"""
