"""A group's folder with something wrong in it: first those that were found once, then what chance makes of it."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz.effort import SEED
from tests.fuzz.mutation import mutated
from tests.fuzz.nasty import INJECTIONS, TEXTS

GROUP, PACKAGES, RELEASE = "amd64.group", "Packages", "Release"
SHELL_WORD = "now[$(>/pwned)]"
"""Bash runs it where it stands in arithmetic; it has no blank that would end it."""

FOUND = [  # every third one in bash, beginning with the first
    (GROUP, r"installed-kib .*", f"installed-kib {SHELL_WORD}"),
    (GROUP, r"installed-kib .*", "installed-kib 08"),
    (GROUP, r"installed-kib .*", "installed-kib 99999999999999999999999"),
    (PACKAGES, r"(Filename: .*)", rf"\1' x {SHELL_WORD}"),
    (GROUP, r"installed-kib .*", "installed-kib"),
    (GROUP, r"installed-kib .*", "installed-kib 1 1"),
    (GROUP, r"format 1", "format 99999999999999999999999"),
    (GROUP, r"format 1\n", ""),
    (GROUP, r"package .*\nprovides .*\n", ""),
    (GROUP, r"(?s)\A.*\Z", "end\n"),
    (GROUP, r"package .*", "package -o=Dir::Bin::dpkg=/pwned"),
    (GROUP, r"provides .*", "provides $(touch /pwned)"),
    (GROUP, r"provides .*", "provides /usr/bin/tool\nprovides relative"),
    (GROUP, r"pre-dependency .*", "pre-dependency * ground ; touch /pwned"),
    (GROUP, r"end\n", "end\nend\npackage lib\n"),
    (PACKAGES, r"(Filename: pool)", r"\1/../pool"),
    (PACKAGES, r"Filename: pool/", "Filename: pool/ "),
    (PACKAGES, r"Size: .*", f"Size: {SHELL_WORD}"),
    (PACKAGES, r"Size: .*", "Size: 99999999999999999999999"),
    (PACKAGES, r"Installed-Size: .*", "Installed-Size: 18446744073709551615"),
    (PACKAGES, r"Package: lib", "Package: --root=/pwned"),
    (PACKAGES, r"lib\b", "../../../pwned"),
    (PACKAGES, r"lib\b", "lib`touch${IFS}/pwned`"),
    (PACKAGES, r"\bground\b", "-ground"),
    (RELEASE, r" [0-9a-f]{64} ", " " + "z" * 64 + " "),
    (RELEASE, r" ([0-9a-f]{64}) ", r" $(touch${IFS}/pwned) "),
    (GROUP, r"end\n", "debconf ground; $(touch${IFS}/pwned) string `touch /pwned`\nend\n"),
    (GROUP, r"end\n", f"installed-kib 5 /a {SHELL_WORD}\nend\n"),
    (GROUP, r"end\n", "probe ../../etc/passwd\nend\n"),
    (GROUP, r"end\n", "installed-kib 5 ../../..\nend\n"),
    (GROUP, r"end\n", f"installed-kib 5 {SHELL_WORD} /a\nend\n"),
]
"""File, pattern, and what stands in its place: what once got further than it should, or might have."""


@dataclass(frozen=True)
class Variant:
    """The files of one group's folder."""

    files: dict[str, bytes]
    summary: str
    lies: bool
    """Its index gives a file another package's name. Whoever restates that in Release can as well exchange the file."""

    def write(self, folder: Path) -> None:
        """Write them."""
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)

    @property
    def requests(self) -> set[str]:
        """The names of packages that the group asks for."""
        found = re.findall(rb"^[ \t]*package[ \t]+([a-z0-9+.-]+)", self.files[GROUP], re.MULTILINE)
        return {name.decode() for name in found}


def variants(right: dict[str, bytes], count: int) -> Iterator[Variant]:
    """Return variants of the right files; the same seed gives the same."""
    for name, pattern, new in FOUND[:count]:
        text, changes = re.subn(pattern, new, right[name].decode())
        assert changes, pattern
        yield _variant(right, name, text.encode(), restate=True)
    for number in range(len(FOUND), count):
        yield chosen(right, Random(f"{SEED}/{number}"))


def chosen(right: dict[str, bytes], random: Random) -> Variant:
    """Return a variant by chance."""
    name = random.choice((GROUP, GROUP, PACKAGES, PACKAGES, RELEASE))
    make = random.choice((mutated, _other_value))
    return _variant(right, name, make(right[name], random), restate=random.randrange(5) > 0)


def _other_value(document: bytes, random: Random) -> bytes:
    """Return one line another value behind its key."""
    lines = document.split(b"\n")
    number = random.randrange(len(lines))
    key = lines[number].partition(b" ")[0]
    nasty = random.choice((random.choice(TEXTS), random.choice(INJECTIONS)))
    lines[number] = key + b" " + nasty.encode()
    return b"\n".join(lines)


def _variant(right: dict[str, bytes], name: str, content: bytes, *, restate: bool) -> Variant:
    files = {**right, name: content}
    if restate and name != RELEASE:
        stated = f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}".encode()
        files[RELEASE] = re.sub(rb" \S+ \S+ " + re.escape(name.encode()), lambda _: stated, right[RELEASE])
    how = "stated by its Release" if restate else "its Release as it was"
    lies = not origins(files[PACKAGES]) <= origins(right[PACKAGES])
    return Variant(files, f"{name}, {how}: {content!r}", lies)


def origins(index: bytes) -> set[tuple[bytes, ...]]:
    """Return each package of an index with the file that it comes from."""
    return set(re.findall(rb"^Package: *(\S+).*?^Filename: *(\S+)", index, re.MULTILINE | re.DOTALL))
