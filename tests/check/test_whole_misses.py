"""What the installer says, whole, where there is no plan (13) or dpkg is half done (22), and `check` beforehand.

The texts stand in `whole_misses.txt`, to be read as a document. What differs between roots has a name there.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.check.conftest import OpenRoom
from tests.check.small import PAIRS
from tests.installer.synthetic import Room, SyntheticCache

from package_cache.cli.main import run

TEXTS = Path(__file__).with_name("whole_misses.txt")
ROWS = [
    "a newer one is there",
    "an older one is held",
    "somebody wants it removed",
    "an enemy is there",
    "an older enemy is there",
    "it conflicts with what is essential",
    "a virtual package that another one provides",
    "what nobody has",
    "deep down, what nobody has",
    "another architecture that dpkg does not take",
    "a file that it must have is gone",
    "it is unpacked only",
    "another one's script failed",
    "another one lacks what it needs",
    "another one must be installed again",
    "dpkg was broken off",
]


def shown(text: str, root: Path) -> str:
    """Give names to what differs between roots: versions of a release's own packages, and where the root is."""
    text = text.replace(str(root), "ROOT")
    return re.sub(r"((?:libc6 \(>= 99\)|conflicts with bash)(?: but|:) )\S+", r"\1VERSION", text)


def expected() -> dict[str, str]:
    parts = re.split(r"^== (.*)\n", TEXTS.read_text(), flags=re.M)
    return dict(zip(parts[1::2], (part.rstrip("\n") for part in parts[2::2]), strict=True))


def both(room: Room, cache: Path, group: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Give what `check` says about a root, and then the installer in it: status and text."""
    root = room.container.root
    capfd.readouterr()
    status = run(["check", group, "--cache", str(cache), "--root", str(root)])
    out, err = capfd.readouterr()
    done = room.install(group)
    check = f"$ package-cache check {group} --root ROOT\n{shown(out + err, root)}status {status}\n"
    return f"{check}$ sh install_group.sh {group}\n{shown(done.out + done.err, root)}status {done.status}"


@pytest.mark.parametrize("name", ROWS)
def test_the_whole_text(
    name: str,
    small_cache: Callable[[str], tuple[SyntheticCache, Path]],
    open_room: OpenRoom,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pair = PAIRS[name]
    cache, debs = small_cache(pair.system)
    room = open_room(pair.system, cache.path, {"/debs": debs})
    room.sh(pair.prepare)
    before = room.map()
    assert both(room, cache.path, pair.group, capfd) == expected()[name]
    assert room.map() == before


def test_the_document_has_no_other_rows() -> None:
    assert list(expected()) == ROWS
