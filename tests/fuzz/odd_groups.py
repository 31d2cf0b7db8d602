"""Groups with something odd in them: what a shell's `read` takes otherwise than one would think, and odd names."""

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.mutation import mutated

GROUP = "amd64.group"
FILES = (GROUP, "Packages", "Packages.amd64.job", "packages.json", "Release")
BLANKS = [b" ", b"  ", b"\t", b" \t ", b"\v", b"\f", b"\r", b"\0", b"\xa0", b"\xc2\x85", b"\x1c", b"\\", b"\b", b""]
LINES = [
    b"", b" ", b"\0", b"#", b"# format 1", b"SHA256:", b"SHA256: x", b"SHA256: x y", b"MD5Sum:", b"Label: x",
    b"a b SHA256:", b"SHA x 256:", b"a: b", b"a b c:", b"end", b"end of it", b"end\r", b"\vend", b"package", b"format",
    b"package dpkg", b"package dpkg:", b"package dpkg=", b"package dpkg:amd64", b"package dpkg:all", b"package :",
    b"package =",
    b"package bash=0", b"package nothing+", b"package nothing-", b"package Dpkg", b"package tool tool",
    b"package perl-base:any",
    b"package a=b=c", b"package a:b:c", b"recommends no", b"recommends", b"provides /", b"provides", b"provides /etc/",
    b"provides /etc/passwd", b"provides /etc/passwd/", b"provides /etc/passwd/.", b"provides /nowhere/../etc/passwd",
    b"provides /etc/passwd/../passwd", b"provides etc/passwd", b"provides //etc//./passwd", b"provides /etc/\xff",
    b"provides /etc/..", b"provides /bin/sh", b"provides /etc/mtab", b"provides * ?", b"provides -e", b"provides !",
    b"provides (", b"pre-dependency", b"format 0", b"format 01", b"format 2", b"format -1", b"format 999999999999999",
    b"format 1000000000000000", b"format \xd9\xa1", b"installed-kib 00", b"installed-kib 999999999999999",
    b"installed-kib 1000000000000000", b"installed-kib +1", b"installed-kib 0x1", b"installed-kib 1 1", b"unknown x",
    b"\xff\xfe", b"format 1\0", b"for\0mat 2", b"package\ttool", b"package \ttool\t", b"installed-kib 1\0",
    b"image", b"image job", b"image\tjob ", b"image ../job", b"image job job", b"image Job", b"image -job",
    b"image other", b"image a*", b"image \xff", b"image " + b"a" * 64, b"image " + b"a" * 65, b"\xef\xbb\xbfformat 1",
    b"0" * 64 + b" 1 " + GROUP.encode(), b"z" * 64 + b" 1 " + GROUP.encode(),
]  # fmt: skip
FOLDERS = [
    "tools-ubuntu16.04", "tools-Ubuntu18.04", "tools-", "tools", "-ubuntu18.04", ".tools-ubuntu18.04", "more-debian12",
    "tools-more-debian12", "more-", "a b-c", "a\nb-c", "a-\udcff", "\udcff-c", "m\u00e9-c", "Tools-x", "+-1", "--",
]  # fmt: skip
OTHERS = ["arm64.group", ".group", ".hidden.group", "a-b.group", "a.group", "a+b.group", "group", "\udcff.group"]
FOUND = [
    (GROUP, b"package dpkg", b"package\tdpkg"),
    (GROUP, b"end\n", b"e\0nd\0\n"),
    (GROUP, b"package dpkg", b"package dpkg:"),
    (GROUP, b"package dpkg", b"package dpkg="),
    (GROUP, b"provides /usr/bin/dpkg", b"provides"),
    (GROUP, b"provides /usr/bin/dpkg", b"provides /"),
    (GROUP, b"provides /usr/bin/dpkg", b"provides /usr/bin/dpkg/"),
    (GROUP, b"provides /usr/bin/dpkg", b"provides /nowhere/../usr/bin/dpkg"),
    (GROUP, b"installed-kib ", b"installed-kib \xff"),
    ("Release", b"SHA256:", b"SHA256: x"),
    ("Release", b"SHA256:", b"SHA x 256:"),
    ("Release", b" amd64.group\n", b" amd64.group\nLabel: x\n"),
    ("Release", b" amd64.group\n", b" amd64.group\na b c:\n"),
    ("Release", b" amd64.group\n", b" amd64.group\v\n"),
    ("Release", b" amd64.group\n", b" amd64.group\n" + b"z" * 64 + b" 1 amd64.group\n"),
    ("Release", b" amd64.group\n", b" amd64\0.group\n"),
]
"""File, and what in it gave way to what: each was once taken otherwise by `check` than by the installer."""

RELEASES = [
    b'ID=ubuntu\nVERSION_ID="18.04"\n', b"ID=ubu\0ntu\nVERSION_ID=18.04", b"ID=debian\nVERSION_ID=12\n",
    b"ID=mint\nID_LIKE=ubuntu\nVERSION_ID=19\n", b"ID=ubuntu\0\r\nVERSION_ID=18.04\n",
    b"\tID=ubuntu \n\vVERSION_ID=18.04\n",
    b"ID=ubuntu\nVERSION_ID=18.04\v\n", b"ID='ubuntu\"\nVERSION_ID=''\n", b"ID=\"\nVERSION_ID=1",
    b"ID=mint\nID_LIKE=\xff\nVERSION_ID=1\n",
    b"ID=ubuntu\x7f\nVERSION_ID=18.04\x01\x02\n", b"ID=m\xc3\xa9\nVERSION_ID=1\n",
    b"\0\nID=ubuntu\\\nVERSION_ID=18.04\n",
]  # fmt: skip


@dataclass
class OddGroups:
    """What lies below `groups`, and an os-release file."""

    files: dict[str, bytes]
    """Of the folder of the group."""
    others: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    release: bytes = RELEASES[0]
    shape: str = ""
    """What stands in the place of a file of the group: `folder`, `link`, `empty`; and of which."""

    def write(self, cache: Path) -> None:
        """Write them in the place of whatever is there."""
        groups = cache / "groups"
        shutil.rmtree(groups, ignore_errors=True)
        folder = groups / "tools-ubuntu18.04"
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        for name in self.others:
            (folder / name).write_bytes(b"x")
        for name in self.folders:
            (groups / name).mkdir(exist_ok=True)
        kind, _, name = self.shape.partition(" ")
        place = folder / name
        if kind:
            place.unlink(missing_ok=True)
        if kind == "folder":
            place.mkdir()
        elif kind == "link":
            place.symlink_to("nowhere")
        elif kind == "empty":
            place.touch()


def odd_line(document: bytes, random: Random) -> bytes:
    """Put an odd line somewhere, or in another's place."""
    lines = document.split(b"\n")
    at = random.randrange(len(lines))
    lines[at : at + random.randrange(2)] = [random.choice(LINES)]
    return b"\n".join(lines)


def odd_blank(document: bytes, random: Random) -> bytes:
    """Put an odd blank before, behind or in a line, or in the place of one."""
    lines = document.split(b"\n")
    at = random.randrange(len(lines))
    line, blank = lines[at], random.choice(BLANKS)
    where = random.randrange(4)
    if where == 0:
        lines[at] = blank + line
    elif where == 1:
        lines[at] = line + blank
    elif where == 2:
        lines[at] = line.replace(b" ", blank, random.choice((1, -1)))
    else:
        place = random.randint(0, len(line))
        lines[at] = line[:place] + blank + line[place:]
    return b"\n".join(lines)


MAKE: Sequence[Callable[[bytes, Random], bytes]] = (odd_line, odd_line, odd_blank, odd_blank, mutated)


def odd_groups(right: dict[str, bytes], random: Random) -> OddGroups:
    """Make one by chance."""
    made = OddGroups(dict(right))
    if random.randrange(4) > 0:
        name = random.choice((GROUP, GROUP, GROUP, "Release", "Release", *FILES[1:4]))
        for _ in range(random.randint(1, 3)):
            made.files[name] = random.choice(MAKE)(made.files[name], random)
        if random.randrange(5) > 0:
            made.files["Release"] = stating(made.files["Release"], name, made.files[name])
    if random.randrange(4) == 0:
        del made.files[random.choice((GROUP, *FILES))]
        made.others = random.sample(OTHERS, random.randrange(4))
    if random.randrange(3) == 0:
        made.folders = random.sample(FOLDERS, random.randint(1, 5))
    if random.randrange(3) == 0:
        made.release = random.choice(RELEASES)
        if random.randrange(4) == 0:
            made.release = random.choice(MAKE)(made.release, random)
    if random.randrange(8) == 0:
        made.shape = f"{random.choice(('folder', 'link', 'empty'))} {random.choice(FILES)}"
    return made


def stating(release: bytes, name: str, content: bytes) -> bytes:
    """Give a Release that states the hash of a file."""
    line = f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}".encode()
    return re.sub(rb" \S+ \S+ " + re.escape(name.encode()) + rb"(?=\n|$)", lambda _: line, release)
