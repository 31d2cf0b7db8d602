"""The installer on wrong indexes: a status of the table that is not `internal`, dpkg as it was, and no word obeyed.

A variant is a group's folder with something wrong in it: first those that were found once, then others by chance.
"""

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from tests.fuzz.effort import SEED, inputs_of, tried
from tests.fuzz.mutation import mutated
from tests.fuzz.nasty import INJECTIONS, TEXTS
from tests.installer.conftest import OpenRoom, cache, debs, open_room, system
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.exit_codes import ExitStatus
from package_cache.process import find_tool

__all__ = ["cache", "debs", "open_room", "system"]
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


FEWEST = len(FOUND) + 14
PREPARE = """
mkdir -p /own/groups /tmp/kept; ln -s /cache/pool /own/pool; cp /cache/install_group.sh /own
cp -a /var/lib/dpkg/status /var/lib/dpkg/status-old /tmp/kept
touch /var/log/dpkg.log /var/lib/apt/extended_states; cp -a /var/log/dpkg.log /var/lib/apt/extended_states /tmp/kept
"""
LOOP = r"""
list() { dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n'; }
left() {
    ls -d /pwned /own/[!gip]* /usr/sbin/policy-rc.d /var/lib/package-cache /run/package-cache.* /tmp/package-cache.*
} 2>/dev/null
mkdir /tmp/results; list >/tmp/before
marks=/var/lib/apt/extended_states
number=0
for variant in /variants/*; do
    made=/tmp/results/${variant##*/}; mkdir $made; cd $made
    rm -rf /own/groups/*; cp -r $variant /own/groups/tools-ubuntu18.04
    number=$((number + 1))
    case $((number % 3)) in 0) shell=sh;; 1) shell=bash;; *) shell='busybox sh';; esac
    read -r began _ </proc/uptime
    (cd / && exec timeout 60 $shell /own/install_group.sh --lock-timeout 2 tools) >$made/out 2>$made/err </dev/null
    echo $? >$made/status
    read -r ended _ </proc/uptime
    echo "$began $ended $shell" >$made/time
    left >$made/left; rm -rf /pwned
    { cmp -s $marks /tmp/kept/extended_states || echo $marks; } >$made/marks
    cp /tmp/before $made/packages
    if ! cmp -s /var/lib/dpkg/status /tmp/kept/status; then
        list >$made/packages
        dpkg --force-all --purge ground lib tool >/dev/null 2>&1
    fi
    cp -a /tmp/kept/status /tmp/kept/status-old /var/lib/dpkg; cp -a /tmp/kept/dpkg.log /var/log
    cp -a /tmp/kept/extended_states $marks
    truncate -s '<20000' $made/out $made/err
done
"""
SHELL_TROUBLE = re.compile(r"install_group\.sh: (?:line )?\d+:|^(?:sh|bash|busybox): ", re.MULTILINE)
"""How dash, bash and busybox sh begin their own complaints about a script."""

LIMIT = 30.0
"""Seconds for one run."""


@dataclass(frozen=True)
class Run:
    """The result of one variant: a folder that the loop made."""

    folder: Path

    def text(self, name: str) -> str:
        """Return a file's text."""
        return (self.folder / name).read_text(errors="replace")

    @property
    def status(self) -> int:
        return int(self.text("status"))

    @property
    def shell(self) -> str:
        return self.text("time").split(maxsplit=2)[2].strip()


def broken(variant: Variant, run: Run, before: str) -> Sequence[str]:
    """Judge one run: return what the law rules out."""
    found = []
    status, err, packages, marks = run.status, run.text("err"), run.text("packages"), run.text("marks").strip()
    began, ended = map(float, run.text("time").split()[:2])
    if status not in {each.code for each in ExitStatus} - {ExitStatus.INTERNAL.code}:
        found.append(f"status {status}")
    if trouble := SHELL_TROUBLE.search(err):
        found.append(f"the shell complains: {err[trouble.start() :][:200]}")
    if left := run.text("left"):
        found.append(f"there is now {left.split()}")
    if status != 0 and packages != before and not variant.lies:
        found.append(f"dpkg's packages differ: {sorted(set(packages.splitlines()) ^ set(before.splitlines()))}")
    if status != 0 and marks:
        found.append(f"{marks} differs")
    if status == 0:
        names = {line.split()[1] for line in packages.splitlines() if line.startswith(("ii", "hi"))}
        if not variant.requests or not variant.requests <= names:
            found.append(f"status 0, and not installed: {sorted(variant.requests - names) or 'nothing was asked for'}")
    elif "package-cache: " not in err:
        found.append("says nothing")
    if ended - began > LIMIT:
        found.append(f"took {ended - began:.0f} s")
    return found


def test_indexes(cache: SyntheticCache, debs: Path, open_room: OpenRoom, tmp_path: Path) -> None:
    packages = [
        make_deb(debs, "ground", files={"/usr/share/ground": "ground"}),
        make_deb(debs, "lib", files={"/usr/share/lib": "lib"}),
        make_deb(debs, "tool", depends="lib", files={"/usr/bin/tool": "#!/bin/sh\n"}, Pre_Depends="ground"),
    ]
    folder = cache.add("tools", ["tool"], packages, provides=["/usr/bin/tool"])
    right = {path.name: path.read_bytes() for path in folder.iterdir()}
    made = list(variants(right, max(inputs_of("index"), FEWEST)))
    for number, variant in enumerate(made):
        variant.write(tmp_path / f"variants/{number:06}")
    shutil.copy(find_tool("busybox"), tmp_path / "busybox")
    room = open_room(cache, binds={"/variants": tmp_path / "variants", "/usr/bin/busybox": tmp_path / "busybox"})
    room.sh(PREPARE)
    map_before = room.map()
    room.container.run(["sh", "-c", LOOP], timeout=6.0 * len(made))
    runs = [Run(folder) for folder in sorted(room.container.path("/tmp/results").iterdir())]
    before = room.container.path("/tmp/before").read_text()
    wrong: list[str] = []
    for number, (variant, run) in enumerate(zip(made, runs, strict=True)):
        tried["index"] += 1
        where = f"(seed {SEED}, number {number}, {run.shell})\n    {variant.summary}"
        wrong += [f"{problem} {where}" for problem in broken(variant, run, before)]
    statuses = Counter(run.status for run in runs)
    assert len(statuses) > 3, statuses  # else it is always refused at the door
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(made)} with {dict(statuses)}:\n" + "\n".join(wrong[:40]))
    assert set(room.map()) ^ set(map_before) == set()
