"""The files of an image's init form as they lie in its container; busybox is this machine's."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.world import World

from package_cache.cache.layout import CacheFolder
from package_cache.cache.platform_subset import read_part
from package_cache.image.init_variant import STAGE_GROUPS, description_files
from package_cache.installer import joined
from package_cache.process import Completed, run

SHELL = ("busybox", "sh")
"""With its own tools first, as where nothing else is there."""


@dataclass
class InitTree:
    """A cache and what stages its groups, and the volume to stage to."""

    path: Path
    volume: Path
    words: tuple[str, ...] = field(default=SHELL)

    def __post_init__(self) -> None:
        self.script.write_text(joined(STAGE_GROUPS))

    @property
    def script(self) -> Path:
        return self.path.with_name("stage_groups.sh")

    def argv(self, *words: str) -> list[str]:
        return [*self.words, str(self.script), "--cache", str(self.path), *words]

    def stage(self, *groups: str) -> Completed:
        return run(self.argv(*groups, "--to", str(self.volume)), check=False, timeout=60)


def init_tree(world: World, folder: Path) -> InitTree:
    """Lay out the cache that was built, as its image would."""
    path = folder / "image"
    if path.exists():
        shutil.rmtree(path)
    shutil.copytree(world.cache, path, ignore=shutil.ignore_patterns(".*"))
    part = read_part(CacheFolder(world.cache), "amd64")
    for file in description_files(part.description):
        place = path / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
    return InitTree(path, folder / "volume")
