"""Whatever lies in a cache, `gc` removes what its law says and nothing else, at whichever times it is run."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.effort import fuzzed, randoms
from tests.fuzz.law import bounded
from tests.support.odd_files import put

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.gc import gc
from package_cache.cache.layout import INDEX, INSTALLER, PACKAGE_LIST, CacheFolder, group_folder
from package_cache.cache.package_list import DescribedPackage, list_text
from package_cache.cache.verify import verify
from package_cache.errors import CacheError
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.paths import sha256_of

FILES = 8
NAMES = ("a", "b-c", "d.e", "f+g-h")
BEGIN, GRACE = 1e9, 100.0
WAYS = ("/", "-> OUTSIDE", "-> /nowhere", "|", "=", "file", "no-utf8")


@dataclass
class Model:
    """A cache, and what is known of it."""

    cache: CacheFolder
    random: Random
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Package files by group."""
    described: set[str] = field(default_factory=set)
    first: dict[str, float] = field(default_factory=dict)
    """When a run first found a file unneeded, without another one since that found it needed."""

    def __post_init__(self) -> None:
        for folder in (self.cache.pool, self.cache.path / "groups"):
            folder.mkdir(parents=True)
        (self.cache.path / INSTALLER).write_text("#!/bin/sh\n")

    def put_group(self) -> None:
        """Add a group, or replace one."""
        name = self.random.choice(NAMES)
        items = []
        for number in self.random.sample(range(FILES), self.random.randint(0, 4)):
            content = bytes([number]) * (number + 1)
            digest = hashlib.sha256(content).hexdigest()
            self.cache.package(digest).write_bytes(content)
            items.append(DescribedPackage(f"p{len(content)}", "1", "all", len(content), digest, digest))
        index = "".join(
            f"Package: {item.name}\nFilename: pool/{item.sha256}.deb\nSize: {item.size}\nSHA256: {item.sha256}\n\n"
            for item in items
        )
        files = {INDEX: index, PACKAGE_LIST: list_text(items), "amd64.group": "format 1\nend\n"}
        folder = self.cache.path / group_folder(name, "ubuntu18.04")
        folder.mkdir(exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text)
        lines = [f" {sha256_of(folder / file)} {len(text)} {file}\n" for file, text in files.items()]
        (folder / "Release").write_text("".join(["SHA256:\n", *lines]))
        self.groups[name] = [item.sha256 for item in items]
        (self.described.add if self.random.randrange(4) else self.described.discard)(name)
        self.describe()

    def remove_group(self) -> None:
        """Remove a group."""
        if self.groups:
            name = self.random.choice(sorted(self.groups))
            del self.groups[name]
            self.described.discard(name)
            self.describe()
            shutil.rmtree(self.cache.path / group_folder(name, "ubuntu18.04"))

    def describe(self) -> None:
        """Write the description."""
        groups = []
        sizes: dict[str, int] = {}
        for name in sorted(self.described):
            folder = self.cache.path / group_folder(name, "ubuntu18.04")
            own = {digest: self.cache.package(digest).stat().st_size for digest in self.groups[name]}
            files = {path.name: sha256_of(path) for path in folder.iterdir()}
            sizes |= own
            groups.append(
                DescribedGroup(name, "ubuntu18.04", ("amd64",), ("aa",), "zstd-9", len(own), sum(own.values()), files)
            )
        installer = sha256_of(self.cache.path / INSTALLER)
        description = Description("2024-01-01T00:00:00+00:00", "x", "m", "d", "l", installer)
        description.with_groups(groups, sizes).write(self.cache)

    def put_rubbish(self) -> None:
        """Add something to the pool that no writer makes."""
        names = (f"{self.random.randrange(16**64):064x}.deb", ".new-x", ".partial", "x", ".unneeded")
        place = self.cache.pool / self.random.choice(names)
        way = self.random.choice(WAYS)
        if os.path.lexists(place) or (place.name == ".unneeded" and way != "/"):
            return
        if way == "file":
            place.write_bytes(b"rubbish")
        elif way == "no-utf8":
            Path(os.fsdecode(os.fsencode(place) + b"\xff")).write_bytes(b"rubbish")
        else:
            put(place, way.replace("OUTSIDE", str(self.cache.path.parent / "outside")))

    def put_notes(self) -> None:
        """Damage the record of when each file was first found unneeded."""
        if not (self.cache.pool / ".unneeded").is_dir():
            (self.cache.pool / ".unneeded").write_bytes(self.random.randbytes(20))
            self.first = {}

    def leave_off(self) -> None:
        """Leave what a killed writer leaves."""
        place = self.cache.path / "groups" / f".new-{self.random.randrange(16**8):08x}"
        place.mkdir()
        (place / "some").write_text("x")

    @property
    def needed(self) -> set[str]:
        return {f"{digest}.deb" for digests in self.groups.values() for digest in digests}

    @property
    def pool(self) -> set[str]:
        return {path.name for path in self.cache.pool.iterdir() if path.name != ".unneeded"}

    def tidy(self, now: float) -> None:
        """Run `gc`, and see that it did what it should."""
        unneeded = self.pool - self.needed
        self.first = {name: self.first.get(name, now) for name in unneeded}
        gone = {name for name, first in self.first.items() if now - first >= GRACE}
        before = self.pool
        with bounded():
            found = gc(self.cache, GRACE, now)
        assert before - self.pool == gone
        assert (found.busy, found.waiting, found.kept) == (False, len(unneeded - gone), len(self.needed))
        assert list((self.cache.path / "groups").glob(".*")) == []
        assert verify(self.cache).problems == ()
        for name in gone:
            del self.first[name]

    def tidy_damaged(self, now: float) -> None:
        """Run it where something is wrong of which it depends: then it removes nothing, and says so."""
        path = self.random.choice([*self.cache.path.glob("groups/[!.]*/Packages"), self.cache.description])
        content, before = path.read_bytes(), self.pool
        path.write_bytes(self.random.choice((content + b"Filename: x\n", content[:-9] or b"x")))
        try:
            gc(self.cache, 0, now)
        except CacheError as error:
            assert error.status is ExitStatus.CACHE_DAMAGED
        else:
            raise AssertionError(path)
        path.write_bytes(content)
        assert self.pool == before


@fuzzed("gc", random=randoms)
def test_gc(random: Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outside = Path(folder) / "outside"
        outside.mkdir()
        (outside / "kept").write_text("ours")
        model = Model(CacheFolder(Path(folder) / "cache"), random)
        model.put_group()
        now = BEGIN
        for _ in range(random.randint(2, 12)):
            changes = (model.put_group, model.remove_group, model.put_rubbish, model.put_notes, model.leave_off)
            random.choice((model.put_group, *changes))()
            now += random.choice((0, 1, GRACE / 2, GRACE, 3 * GRACE))
            (model.tidy_damaged if random.randrange(5) == 0 else model.tidy)(now)
        assert (outside / "kept").read_text() == "ours"
