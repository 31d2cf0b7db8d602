"""dpkg's files with something odd in them: more paragraphs, each with something wrong, and files beside `status`."""

from dataclasses import dataclass, field
from random import Random

from tests.fuzz.mutation import mutated

PARAGRAPH = """\
Package: {name}
Status: install ok installed
Priority: optional
Maintainer: Nobody <nobody@example.invalid>
Architecture: all
Version: 1.0
Description: for a test
"""
NAMES = ["tool", "tool", "lib", "lib", "other"]
CHANGES = [
    ("Package: ", "package: "), ("Package: ", "Package : "), ("Package: ", "PACKAGE:\v"), ("Package: t", "Package: T"),
    ("Package: ", "Package: o_"), ("Package: ", "Package: -"), ("Package: ", "Package: \xe9"), ("Status: ", "status:"),
    ("install ok", "hold ok"), ("install ok", "deinstall ok"), ("install ok", "purge ok"), ("install ok", "unknown ok"),
    ("install ok", "Install OK"), ("install ok", "instal ok"), ("install ok", "install reinstreq"), (" ok ", "  ok\t"),
    ("Status: install ok installed\n", ""), ("ok installed", "ok installed x"), ("ok installed", "ok half-installed"),
    ("ok installed", "ok unpacked"), ("ok installed", "ok half-configured"), ("ok installed", "ok config-files"),
    ("ok installed", "ok not-installed"), ("ok installed", "ok triggers-pending"),
    ("ok installed", "ok triggers-awaited"),
    ("Version: 1.0", "Version: 0:1.0"), ("Version: 1.0", "Version: 00:1.0"), ("Version: 1.0", "Version: 1:0.5"),
    ("Version: 1.0", "Version: 01:0"), ("Version: 1.0", "Version:"), ("Version: 1.0", "Version: 1 0"),
    ("Version: 1.0", "Version: x:1"), ("Version: 1.0", "Version: a_b"), ("Version: 1.0", "Version: 1.0-"),
    ("Version: 1.0", "Version: 99999999999:1"), ("Version: 1.0\n", ""), ("Version: 1.0", "Version: 1.0~rc1"),
    ("Version: 1.0", "Version: 1.0\nVersion: 2.0"), ("Version: 1.0", "Version:\n 1.0"),
    ("Version: 1.0", "Version: 1.0\0x"),
    ("Architecture: all", "Architecture: amd64"), ("Architecture: all", "Architecture: i386"),
    ("Architecture: all", "Architecture: any"), ("Architecture: all", "Architecture: A B"), ("Architecture: all\n", ""),
    ("Architecture: all", "Architecture: amd64\nMulti-Arch: same"),
    ("Architecture: all", "Architecture: all\nMulti-Arch: x"),
    ("Architecture: all", "Architecture: i386\nMulti-Arch: same"), ("Description", "X-\xff: \xfe\nDescription"),
    ("Description", "X: a\n \n b\nDescription"), ("Description", "X: a\n \t\nDescription"),
    ("Description", "X\nDescription"),
    ("Description", "Depends: lib (\nDescription"), ("Description", "Depends: lib\nDescription"),
    ("Description", "Depends: nowhere\nDescription"), ("Description", "Provides: lib, tool\nDescription"),
    ("Description", "Provides: lib (= 1.0)\nDescription"), ("Description", "Conflicts: lib\nDescription"),
    ("Description", "Breaks: tool (<< 9)\nDescription"), ("Description", "Essential: yes\nDescription"),
    ("Description", "Conffiles:\n /etc/x 0123456789abcdef0123456789abcdef\nDescription"),
    ("Description", "Conffiles: x\nDescription"),
    ("Description", "Triggers-Pending: x\nDescription"), ("Description", "Config-Version: 0.5\nDescription"),
    ("test\n", "test\n .\n \n more\n"), ("test\n", "test"), ("test\n", "test\n\n\n\n"), ("test\n", "test\n \t\n"),
    ("\n", "\r\n"),
    ("test\n", "test\n#comment\n"), ("test\n", "test\n:\n"), ("test\n", "test\n\x1a\n"),
    ("test\n", "test\n-x: y\n"), ("test\n", "test\n\v\n"),
]  # fmt: skip
UPDATES = ["0000", "0001", "1", "tmp.i", "x", "0001.x", "00000000001"]
ARCHES = [b"amd64\ni386\n", b"i386\n", b"amd64", b"\xff\n", b"any\n", b"amd64\n\narm64 \n", b"i386\r\n", b"A\n", b""]


@dataclass
class OddDatabase:
    """What comes to a right status file, and the other files."""

    added: bytes
    updates: dict[str, bytes] = field(default_factory=dict)
    arch: bytes | None = None
    marks: bytes | None = None

    def files(self, status: bytes) -> dict[str, bytes]:
        """Give all files, by their paths."""
        made = {"/var/lib/dpkg/status": status + b"\n" + self.added}
        made |= {f"/var/lib/dpkg/updates/{name}": content for name, content in self.updates.items()}
        made |= {} if self.arch is None else {"/var/lib/dpkg/arch": self.arch}
        return made | ({} if self.marks is None else {"/var/lib/apt/extended_states": self.marks})


def odd_paragraph(random: Random) -> bytes:
    """Give a package's paragraph with nothing wrong in it, or with one or two things."""
    text = PARAGRAPH.format(name=random.choice(NAMES))
    for old, new in random.sample(CHANGES, random.choice((0, 0, 0, 1, 1, 2))):
        text = text.replace(old, new, random.choice((1, 1, -1)))
    return text.encode("latin-1") + b"\n"


def odd_database(random: Random) -> OddDatabase:
    """Make one by chance."""
    added = b"".join(odd_paragraph(random) for _ in range(random.randint(1, 3)))
    if random.randrange(6) == 0:
        added = mutated(added, random)
    names = random.sample(UPDATES, random.choice((0, 0, 0, 0, 0, 1, 2)))
    updates = {name: random.choice((b"", odd_paragraph(random))) for name in names}
    arch = random.choice(ARCHES) if random.randrange(5) == 0 else None
    marks = b"Package: lib\nArchitecture: amd64\nAuto-Installed: 1\n\n"
    return OddDatabase(added, updates, arch, mutated(marks, random) if random.randrange(9) == 0 else None)
