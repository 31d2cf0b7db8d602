"""One right document of each format, as our own writers write it, and its mutants, for hypothesis.

What fails is made smaller, and printed as the input itself.
"""

import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from random import Random
from typing import Any, TypeVar

import tomli_w
from hypothesis import strategies as st
from tests.fuzz.effort import randoms
from tests.fuzz.mutation import altered, mutated
from tests.fuzz.nasty import DEEP, TEXTS
from tests.support.recordings import plain_recording

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.layout import FORMAT
from package_cache.cache.package_list import DescribedPackage, list_text
from package_cache.cache.recording_list import recordings_text
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

Item = TypeVar("Item")

COLUMNS = """\
# group_name, os, packages(space-gapped)
ssh,ubuntu16.04,openssh-client openssh-server
ssh,ubuntu18.04,openssh-client openssh-server

  nfs , ubuntu18.04 , nfs-common:amd64 libc6=2.27-3ubuntu1 ,
tool,ubuntu18.04,tool,echo 'deb [arch=amd64,i386] file:/k' > /etc/apt/sources.list.d/tool.list # ok
"""

TOML = """\
sets = [["ssh", "tool"]]

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

[[rule]]
path = "/etc/tool/**/key?"
kind = "regenerate"
reason = "a secret"
command = 'tool-key >"$1"'

[[rule]]
path = "/etc/tool/key.pub"
kind = "regenerate"
reason = "its public half"
written-with = "/etc/tool/**/key?"
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
    keys = tuple(item.key for item in packages)
    groups = (
        LockedGroup("ssh", ("openssh-server",), keys[:2], ("/usr/sbin/sshd",), companions=keys[2:]),
        LockedGroup("tool", ("tool=2.0~rc1+dfsg-1",), keys, (), True, sets),
    )
    repositories = (LockedRepository("tools", "file:/tools"), LockedRepository("ubuntu"))
    systems = tuple(
        LockedSystem(System.parse(name, architecture), repositories, groups, packages, images)
        for name, architecture in (("ubuntu16.04", "amd64"), ("ubuntu18.04", "arm64"))
    )
    return Lock("package_cache_info", f"sha256:{digest(7)}", systems)


def _description() -> Description:
    names = ("Packages", "Packages.amd64.job-2", "Release", "packages.json", "amd64.group", "arm64.group")
    files = {name: digest(number) for number, name in enumerate(names)}
    requests = ("openssh-server", "adduser=3.116ubuntu1")
    groups = tuple(
        DescribedGroup("ssh", system, ("amd64", "arm64"), requests, "zstd-9", 2, 495000, files)
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
RECORDINGS = recordings_text(
    (
        plain_recording(),
        plain_recording(status=b"other", architecture="arm64", digest="", after=("ssh", "nfs"), rules=()),
    )
)
RECORDINGS_TREE: dict[str, Any] = json.loads(RECORDINGS)

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
DOCUMENTS = [text.encode() for text in (COLUMNS, TOML, LOCK, DESCRIPTION, CONTROL)]
HUGE = f"0x{'f' * 5000}"
"""A number that Python reads, and refuses to write in decimal."""


def made_by(make: Callable[[Random], Item]) -> st.SearchStrategy[Item]:
    """Return what a function makes by chance."""
    return randoms.map(make)


def of_text(text: str) -> st.SearchStrategy[bytes]:
    """Return mutants of a text."""
    return made_by(lambda random: mutated(text.encode(), random, DOCUMENTS))


def of_toml(tree: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Return mutants of a TOML document's tree, some of them with mutated bytes as well."""

    def make(random: Random) -> bytes:
        document = altered(tree, random)
        try:
            content = tomli_w.dumps(document).encode()
        except (TypeError, ValueError):  # None, or a number of too many digits
            content = _nearly_toml(document, random)
        return mutated(content, random) if random.randrange(4) == 0 else content

    return made_by(make)


def _nearly_toml(document: dict[str, Any], random: Random) -> bytes:
    """Write what TOML has no word for: raw values behind the keys of the top."""
    raw = random.choice((HUGE, "nan", "-inf", "0o777", "[" * 5000, "{a={b=1}}", "1979-05-27T07:32:00Z", '"""', "07:32"))
    lines = [f"{key} = {raw}\n" for key in document if key.isidentifier()]
    return "".join(lines).encode()


def of_json(tree: Any) -> st.SearchStrategy[bytes]:
    """Return mutants of a JSON document's tree, some of them with mutated bytes as well."""
    return made_by(lambda random: json_mutant(tree, random))


def json_mutant(tree: Any, random: Random) -> bytes:
    """Return one of these mutants."""
    document = altered(tree, random, surrogates=True)
    try:
        content = json.dumps(document, default=str, ensure_ascii=random.randrange(2) == 0)
    except ValueError:  # a number of too many digits
        content = HUGE
    if random.randrange(30) == 0:
        content = content.replace(json.dumps(random.choice(("amd64", "Packages", "ssh"))), DEEP)
    encoded = content.encode("utf-8", "surrogatepass")
    return mutated(encoded, random) if random.randrange(4) == 0 else encoded


def _raw_value(text: str) -> st.SearchStrategy[bytes]:
    """Return a TOML text in which one value, or several, are raw characters."""
    raws = [
        HUGE, "nan", "inf", "-1", "1e400", "true", "[]", "[[]]", "{}", "1979-05-27", "''", "[1, 'a']", "[" * 4000, DEEP,
    ]  # fmt: skip

    def make(random: Random) -> bytes:
        lines = text.split("\n")
        places = [number for number, line in enumerate(lines) if " = " in line]
        for number in random.sample(places, random.randint(1, 3)):
            key = lines[number].partition(" = ")[0]
            lines[number] = f"{key} = {random.choice((*raws, json.dumps(random.choice(TEXTS))))}"
        return "\n".join(lines).encode()

    return made_by(make)


columns = of_text(COLUMNS)
tomls = st.one_of(of_text(TOML), of_toml(TOML_TREE), _raw_value(TOML))
locks = st.one_of(of_text(LOCK), of_toml(LOCK_TREE), _raw_value(LOCK))
package_lists = st.one_of(of_text(PACKAGE_LIST), of_json(PACKAGE_LIST_TREE))
recording_lists = st.one_of(of_text(RECORDINGS), of_json(RECORDINGS_TREE))
descriptions = st.one_of(of_text(DESCRIPTION), of_json(DESCRIPTION_TREE))
controls = of_text(CONTROL)
