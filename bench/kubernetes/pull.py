"""What a node pulls again, and what a push uploads, after an update of a package: by the registry's own access log."""

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containers.podman import Podman, throwaway_podman
from containers.registry import Registry, Request, loopback_registry

from bench.figures import percentile
from bench.kubernetes.ground import Ground
from bench.kubernetes.material import SYSTEM, UPDATES, Seed, Update, first_versions
from bench.rounds import Tell
from package_cache.cache.layout import CacheFolder
from package_cache.cache.platform_subset import Part, read_part
from package_cache.image.cache_layers import pooled
from package_cache.image.export import ImageResult, image
from package_cache.image.layers import PooledPackage, cut
from package_cache.image.variant import Form
from package_cache.oci.skopeo import Destination

ARCHITECTURE = "amd64"
_BLOCK, _RECORD = 512, 10240


def measure(ground: Ground, rounds: int, tell: Tell) -> dict[str, Any]:
    """Measure each update in both forms. It is bytes that are counted: a second round would say the same."""
    del rounds
    part = read_part(ground.seed.cache, ARCHITECTURE)
    tell("pull: every package that had an update, by reckoning")
    return {
        "cache_bytes": part.description.size,
        "packages": part.description.packages,
        "fresh": {form.value: _fresh(ground, form, tell) for form in Form},
        "updates": [_update(ground, part, update, tell) for update in UPDATES],
        "every": every_update(ground.seed, part),
    }


def _fresh(ground: Ground, form: Form, tell: Tell) -> dict[str, int]:
    """Push and pull the whole image."""
    tell(f"pull: the whole image, form {form.value}")
    with _empty(ground) as node:
        made, uploaded = node.push(ground.seed.cache, form, "1")
        return {"layers": made.layers, "uploaded": uploaded, **node.pull("1")}


def _update(ground: Ground, part: Part, update: Update, tell: Tell) -> dict[str, Any]:
    before = ground.seed.before(update)
    new = {item.sha256: item for item in pooled(part)}
    changed = [new[digest] for digest in new.keys() - {item.sha256 for item in pooled(read_part(before, ARCHITECTURE))}]
    assert {item.name for item in changed} == set(update.packages), changed
    forms = {form.value: _pulled_again(ground, before, update, form, tell) for form in Form}
    return {
        "name": update.name,
        "packages": len(changed),
        "kin": sorted({item.kin for item in changed}),
        "package_bytes": sum(item.size for item in changed),
        "per_group": per_group(new.values(), changed),
        "one_layer": archive_size(item.size for item in new.values()),
        "forms": forms,
    }


def _pulled_again(ground: Ground, before: CacheFolder, update: Update, form: Form, tell: Tell) -> dict[str, int]:
    """Bring the image of the older cache to the registry and the node, then that of the newer one."""
    tell(f"pull: update of {update.name}, form {form.value}")
    with _empty(ground) as node:
        older, _ = node.push(before, form, "1")
        node.pull("1")
        newer, uploaded = node.push(ground.seed.cache, form, "2")
        discarded = from_first_change(*(layers_of(made) for made in (older, newer)))
        return {"uploaded": uploaded, **node.pull("2"), "discarded": discarded}


@contextlib.contextmanager
def _empty(ground: Ground) -> Iterator["_Node"]:
    """Give a node and a registry that have nothing: a registry takes what another image of it has from there."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="registry-", dir=ground.folder)))
        registry = stack.enter_context(loopback_registry(folder))
        yield _Node(ground, registry, folder, stack.enter_context(throwaway_podman()))


@dataclass(frozen=True)
class _Node:
    ground: Ground
    registry: Registry
    folder: Path
    """Of the registry."""
    podman: Podman

    def _name(self, tag: str) -> str:
        return f"{self.registry.host}/package-cache:{tag}"

    def push(self, cache: CacheFolder, form: Form, tag: str) -> tuple[ImageResult, int]:
        """Push an image of a cache; give the bytes of the blobs that it brought: the log tells their digests.

        Their sizes are in the storage as docker-registry lays it out: blobs/sha256/<two signs>/<digest>/data.
        """
        begun = len(self.registry.requests())
        made = image(cache, Destination.parse(f"docker://{self._name(tag)}"), form, self.ground.seed.options)
        blobs = self.folder / "storage" / "docker" / "registry" / "v2" / "blobs" / "sha256"
        names = uploaded_blobs(self.registry.requests(begun))
        return made, sum((blobs / name[:2] / name / "data").stat().st_size for name in names)

    def pull(self, tag: str) -> dict[str, int]:
        """Pull an image; give bytes, blobs and all requests."""
        begun = len(self.registry.requests())
        self.podman.pull(self._name(tag))
        found = self.registry.pulled(begun)
        return {
            "bytes": sum(one.bytes for one in found),
            "blobs": sum("/blobs/" in one.path for one in found),
            "requests": len(self.registry.requests(begun)),
        }


def layers_of(made: ImageResult) -> list[tuple[str, int]]:
    """Give digests and sizes of the layers of an image for one architecture, from the bottom."""
    return [(layer.digest, layer.size) for layer in made.platforms[0].layers]


def from_first_change(older: Sequence[tuple[str, int]], newer: Sequence[tuple[str, int]]) -> int:
    """Give the bytes of the first layer that another image has not at this place, and of all above it.

    They are pulled where containerd keeps layers only unpacked: it knows these by all that is below, too
    (core/unpack/unpacker.go: from the first chain ID on that it has no snapshot of, it fetches).
    """
    same = 0
    while same < min(len(older), len(newer)) and older[same] == newer[same]:
        same += 1
    return sum(size for _, size in newer[same:])


def uploaded_blobs(requests: Iterable[Request]) -> list[str]:
    """Give the digests of blobs whose upload ended (OCI Distribution Specification, Pushing blobs)."""
    found: dict[str, None] = {}
    for one in requests:
        if one.method == "PUT" and one.status == 201 and "/blobs/uploads/" in one.path:
            match = re.search(r"[?&]digest=sha256(?::|%3A)([0-9a-f]{64})", one.path)
            assert match, one.path
            found[match[1]] = None
    return list(found)


def archive_size(sizes: Iterable[int]) -> int:
    """Give the bytes of a tar archive of files: a header each, and all in full blocks (pax(1), ustar)."""
    blocks = sum(_BLOCK + -(-size // _BLOCK) * _BLOCK for size in sizes) + 2 * _BLOCK
    return -(-blocks // _RECORD) * _RECORD


def per_group(packages: Iterable[PooledPackage], changed: Sequence[PooledPackage]) -> int:
    """Give what is pulled where each group of a system has one layer with all that it takes."""
    packages = list(packages)
    groups = {user for item in changed for user in item.users}
    return sum(archive_size(item.size for item in packages if group in item.users) for group in groups)


def every_update(seed: Seed, part: Part) -> dict[str, Any]:
    """Reckon what each package that had an update would change if it came alone: the layers that hold it."""
    now = {package.name: package for package in seed.locked.packages}
    first = first_versions(seed.material, list(now))
    updated = {name for name in now if name in first and first[name].version != now[name].version}
    packages = pooled(part)
    mine = [item for item in packages if item.name in updated and any(system == SYSTEM for _, system in item.users)]
    layers = [
        (archive_size(one.size for one in layer.packages), {one.sha256 for one in layer.packages})
        for layer in cut(packages)
    ]
    return reckoned({item.sha256: sum(size for size, held in layers if item.sha256 in held) for item in mine})


def reckoned(sizes: Mapping[str, int]) -> dict[str, Any]:
    """Give the spread of these sizes."""
    values = list(sizes.values())
    return {
        "updates": len(values),
        "p50": percentile(values, 50),
        "p95": percentile(values, 95),
        "most": max(values),
    }
