"""The complete output of the installer for a skew (13) or a broken dpkg (22); `check` predicts the same.

`whole_misses.txt` has the texts, to be read as a document. Placeholders replace what differs between roots.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.check.conftest import OpenRoom
from tests.check.small import PAIRS
from tests.installer.synthetic import SyntheticCache

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
    """Replace what differs between roots: versions of a release's own packages, and the path of the root."""
    text = text.replace(str(root), "ROOT")
    return re.sub(r"((?:libc6 \(>= 99\)|conflicts with bash)(?: but|:) )\S+", r"\1VERSION", text)


def expected() -> dict[str, str]:
    parts = re.split(r"^== (.*)\n", TEXTS.read_text(), flags=re.M)
    return dict(zip(parts[1::2], (part.rstrip("\n") for part in parts[2::2]), strict=True))


def predicted(root: Path, cache: Path, group: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Return what the installer will print in a root, by the JSON of `check`."""
    capfd.readouterr()
    status = run(["check", group, "--cache", str(cache), "--root", str(root), "--json"])
    (found,) = json.loads(capfd.readouterr().out)["result"]["groups"]
    lines = [f"    {reason['text']}" for reason in found["reasons"]]
    lines.append(f"cannot install {group} ({found['reason']}): {found['message']}")
    lines.append(f"nothing was changed; next step: {found['next_step']}")
    return "".join(f"package-cache: {line}\n" for line in lines) + f"status {status}"


@pytest.mark.parametrize("name", ROWS)
def test_check_and_the_installer_print_the_expected_text(
    name: str,
    small_cache: Callable[[str], tuple[SyntheticCache, Path]],
    open_room: OpenRoom,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pair = PAIRS[name]
    cache, debs = small_cache(pair.system)
    room = open_room(pair.system, cache.path, {"/debs": debs})
    room.sh(pair.prepare)
    before, root = room.map(), room.container.root
    prediction = shown(predicted(root, cache.path, pair.group, capfd), root)
    done = room.install(pair.group)
    text = f"{shown(done.out + done.err, root)}status {done.status}"
    assert f"$ sh install_group.sh {pair.group}\n{text}" == expected()[name]
    assert prediction == text
    assert room.map() == before


def test_the_document_has_no_other_rows() -> None:
    assert list(expected()) == ROWS
