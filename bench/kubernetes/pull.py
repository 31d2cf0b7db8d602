"""What a node pulls again, and what a push uploads, after an update of a package: by the registry's own access log."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from containers.podman import throwaway_podman
from containers.registry import Request

from bench.figures import percentile
from bench.kubernetes.ground import Ground
from bench.kubernetes.material import SYSTEM, UPDATES, Seed, Update, first_versions
from bench.rounds import Tell
from package_cache.cache.layout import CacheFolder
from package_cache.cache.part import Part, read_part
from package_cache.images.cache_layers import pooled
from package_cache.images.form import Form
from package_cache.images.layers import PooledPackage, cut

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
    name = f"fresh-{form.value}:1"
    begun = len(ground.registry.requests())
    made = ground.push(ground.seed.cache, form, name)
    pushed = ground.registry.requests(begun)
    with throwaway_podman() as node:
        begun = len(ground.registry.requests())
        node.pull(f"{ground.registry.host}/{name}")
        return {"layers": made.layers, "uploaded": _uploaded(ground, pushed), **_pulled(ground, begun)}


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
    """Pull the image of the older cache into a fresh store, then that of the newer one."""
    tell(f"pull: update of {update.name}, form {form.value}")
    name = f"{form.value}-{re.sub('[^a-z0-9]', '-', update.name)}"
    ground.push(before, form, f"{name}:1")
    with throwaway_podman() as node:
        node.pull(f"{ground.registry.host}/{name}:1")
        begun = len(ground.registry.requests())
        ground.push(ground.seed.cache, form, f"{name}:2")
        pushed = ground.registry.requests(begun)
        begun = len(ground.registry.requests())
        node.pull(f"{ground.registry.host}/{name}:2")
        return {"uploaded": _uploaded(ground, pushed), **_pulled(ground, begun)}


def _pulled(ground: Ground, begun: int) -> dict[str, int]:
    """Give bytes and requests of a pull that began after so many requests."""
    found = ground.registry.pulled(begun)
    blobs = [one for one in found if "/blobs/" in one.path]
    requests = len(ground.registry.requests(begun))
    return {"bytes": sum(one.bytes for one in found), "blobs": len(blobs), "requests": requests}


def _uploaded(ground: Ground, requests: Iterable[Request]) -> int:
    """Give the bytes of blobs that a push brought: its log tells their digests, the registry's storage their sizes.

    In the storage as docker-registry lays it out: blobs/sha256/<two signs>/<digest>/data.
    """
    blobs = ground.folder / "registry" / "storage" / "docker" / "registry" / "v2" / "blobs" / "sha256"
    return sum((blobs / name[:2] / name / "data").stat().st_size for name in uploaded_blobs(requests))


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
