"""The files of an image's init form as they lie in its container; busybox is this machine's."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.world import World

from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.platform_subset import read_part
from package_cache.cache.verify import verify
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

    def stage_mounted(self, options: str, *groups: str, before: str = ":") -> Completed:
        """Stage to a tmpfs with these options, after the shell lines `before` ran in it; prints what is then there."""
        self.volume.mkdir(exist_ok=True)
        script = f'mount -t tmpfs -o {options} none "{self.volume}" && cd "{self.volume}" && {{ {before}\n}} && "$@"\n'
        script += "status=$?; find . | sort; exit $status"
        argv = ["unshare", "--mount", "sh", "-c", script, "sh", *self.argv(*groups, "--to", str(self.volume))]
        return run(argv, check=False, timeout=60)

    @property
    def problems(self) -> tuple[str, ...]:
        """What `verify` says of the volume."""
        return verify(CacheFolder(self.volume)).problems

    @property
    def groups(self) -> list[tuple[str, str]]:
        """The groups on the volume, with their systems."""
        return sorted((group.name, group.system) for group in read_description(CacheFolder(self.volume)).groups)


def updated(world: World, version: str) -> InitTree:
    """Return the image after an update of the package editor."""
    world.add("editor", version, suite="bionic-security", depends="libshared")
    assert world.online("lock")[0] == 0
    assert world.build()[0] == 0
    return init_tree(world, world.folder)


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
