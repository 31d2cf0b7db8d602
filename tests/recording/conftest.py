"""A cache of tiny packages, recorded in a copy of a real root: what a test changes in it is in no other test's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.tiers import ROOT

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.filesystem.paths import sha256_of
from package_cache.manifest.model import Rule, Where
from package_cache.recording.model import Outcome, RecordOrder
from package_cache.recording.record import record
from package_cache.recording.rules import own_rules


@dataclass
class Recorded:
    """A cache whose groups are recorded in roots."""

    folder: Path
    cache: SyntheticCache
    groups: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, group: str, *debs: Path, requests: Sequence[str] = ()) -> Path:
        """Add a group of packages to the cache, and return its folder."""
        self.groups[group] = list(debs)
        names = [deb.name.partition("_")[0] for deb in debs]
        return self.cache.add(group, requests or names[-1:], debs)

    def package(self, group: str, postinst: str = "", **fields: Any) -> Path:
        """Add a group of one package of that name, with this script; return its folder."""
        scripts = {**fields.pop("scripts", {}), **({"postinst": postinst} if postinst else {})}
        return self.add(group, make_deb(self.folder / "debs", group, scripts=scripts, **fields))

    def describe(self) -> None:
        """Write the cache's description, as `build` does."""
        groups: list[DescribedGroup] = []
        sizes: dict[str, int] = {}
        for name, debs in self.groups.items():
            own = {sha256_of(deb): deb.stat().st_size for deb in debs}
            folder = self.cache.path / f"groups/{name}-{ROOT}"
            files = {file.name: sha256_of(file) for file in folder.iterdir()}
            size = sum(own.values())
            groups.append(DescribedGroup(name, ROOT, ("amd64",), (name,), "original", len(own), size, files))
            sizes |= own
        description = Description("2020-01-01T00:00:00Z", "a test", "", "", "", sha256_of(self.cache.path / INSTALLER))
        description.with_groups(groups, sizes).write(CacheFolder(self.cache.path))

    def record(
        self,
        root: Path,
        *groups: str,
        rules: Sequence[Rule] = (),
        sets: Sequence[Sequence[str]] = (),
        name: str = "a root",
    ) -> dict[str, Outcome]:
        """Record groups in a root; return what came of each, by its name and those before it."""
        order = RecordOrder(
            CacheFolder(self.cache.path), groups, tuple(map(tuple, sets)), ((name, Where(root=root)),),
            (*rules, *own_rules()), self.folder / "state",
        )  # fmt: skip
        [image] = record(order).images
        if image.error is not None:
            raise image.error
        return {"+".join((*outcome.after, outcome.group)): outcome for outcome in image.outcomes}


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path, SyntheticCache(tmp_path / "cache", ROOT))
