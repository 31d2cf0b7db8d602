"""Pins (apt_preferences(5)), and a view of the lists in which a repository can be pinned by its name.

Apt pins a repository by the host that serves it, or by fields of its Release. Two repositories of one host look the
same to it, and a repository can state the names of another one. With pins, apt therefore plans from a view of its lists
whose Release files have our name of the source as their Label. The verified lists stay unchanged.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from package_cache.errors import ArchiveError
from package_cache.filesystem.paths import write_atomically

VIEW = "labelled"
"""The view's folder, beside the lists."""

_LABEL = re.compile(r"^Label:.*(?:\n|$)", re.MULTILINE | re.IGNORECASE)
_QUOTED = re.compile(r'[\\|{}\[\]<>"^~_=!@#$%&*\x00-\x20\x7f-\uffff]')
"""What `URItoFileName` of apt writes as % and two digits."""


def stanza(packages: Sequence[str], priority: int, *, version: str | None = None, source: str | None = None) -> str:
    """Return a record of a preferences file: by a version, or by our name of a source."""
    pin = f"version {version}" if version is not None else f"release l={source}"
    return f"Package: {' '.join(packages)}\nPin: {pin}\nPin-Priority: {priority}\n"


def list_name(uri: str, suite: str) -> str:
    """Return the prefix of the file names of a suite's lists, with a `_` at the end."""
    place = f"{uri}/{suite}" if suite.endswith("/") else f"{uri}/dists/{suite}/"
    shown = re.sub(r"^[a-z0-9+.-]+:(?://)?", "", place).replace("//", "/")
    return _QUOTED.sub(lambda match: "".join(f"%{byte:02x}" for byte in match[0].encode()), shown).replace("/", "_")


def write_view(folder: Path, sources: Iterable[tuple[str, str, str]]) -> None:
    """Write the view of `folder/lists`; `sources` are name, URI and suite of each.

    Raises `ArchiveError` if one has no Release, which the pins need.
    """
    lists, view = folder / "lists", folder / VIEW / "lists"
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / VIEW / name).mkdir(parents=True, exist_ok=True)
    releases: dict[str, str] = {}
    for name, uri, suite in sources:
        place = list_name(uri, suite)
        found = [name for name in (f"{place}InRelease", f"{place}Release") if (lists / name).exists()]
        if not found:
            raise ArchiveError(
                f"cannot pin anything by the repository {name}: {suite} has no Release file",
                hint="ask its owner to publish one, or leave priorities and pins out",
            )
        releases.update(dict.fromkeys(found, name))
    wanted = {path.name for path in lists.iterdir() if path.is_file() and path.name != "lock"}
    for path in view.iterdir():
        if path.name not in wanted and not path.is_dir():
            path.unlink()
    for name in wanted:
        if name in releases:
            text = (lists / name).read_text(encoding="utf-8", errors="surrogateescape")
            write_atomically(view / name, labelled(text, releases[name]).encode(errors="surrogateescape"))
        elif not (view / name).is_symlink():
            (view / name).symlink_to((lists / name).absolute())


def labelled(release: str, label: str) -> str:
    """Return the text of a Release or InRelease file with another Label."""
    head, body = "", release
    if release.startswith("-----BEGIN PGP SIGNED MESSAGE-----"):
        head, blank, body = release.partition("\n\n")
        head += blank
    return f"{head}Label: {label}\n{_LABEL.sub('', body)}"
