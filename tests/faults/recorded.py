"""The cache of real packages with recordings, made once by the library itself and kept below the state folder."""

import datetime
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from package_cache.cache.description import read_description
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.filesystem.paths import exclusive, text_digest
from package_cache.installer import install_group
from package_cache.manifest.model import Where
from package_cache.recording import record as recorder
from package_cache.recording.model import OutcomeKind, RecordOrder
from package_cache.recording.rules import own_rules

RECORDED = {"ubuntu16.04": ("nfs",), "ubuntu18.04": ("ssh", "nfs"), "debian12": ("nfs",)}
"""Groups to record, by system: each alone, then after the ones before it."""

IMAGE = "a root of {}"
"""The name of a recorded root."""


def recorded(cache: CacheFolder, system: str, groups: Sequence[str], root: Path, state: Path) -> CacheFolder:
    """Return a copy of a cache, whose packages are links, with recordings of groups in a root of `system`.

    Each group is recorded alone, then after the ones before it. All of it is made anew when the groups, the root, the
    rules, the recorder or the day are others.
    """
    folder = cache.path.parent / f"recorded-{system}-{_key(cache, system, groups, root)}"
    made = CacheFolder(folder / "package_cache")
    with exclusive(cache.path.parent / f".recorded-{system}.lock", wait=1200):
        if not folder.exists():
            building = folder.with_name(f".new-{folder.name}")
            shutil.rmtree(building, ignore_errors=True)
            shutil.copytree(cache.path, building / "package_cache", copy_function=_link_package)
            _use_installer(CacheFolder(building / "package_cache"))
            _record(CacheFolder(building / "package_cache"), system, groups, root, state)
            building.rename(folder)
    return made


def _use_installer(cache: CacheFolder) -> None:
    """Replace the installer of a cache with the current one."""
    (cache.path / INSTALLER).write_text(install_group())
    replace(read_description(cache), installer_digest=text_digest(install_group())).write(cache)


def _key(cache: CacheFolder, system: str, groups: Sequence[str], root: Path) -> str:
    """Return a digest of all that a recording depends on, with the day, which is in `/etc/shadow` for each new user."""
    sources = sorted(Path(recorder.__file__).parent.iterdir())
    texts = [path.read_text() for path in sources if path.is_file()]
    texts += [(cache.path / "groups" / f"{group}-{system}" / "Release").read_text() for group in groups]
    status = hashlib.sha256((root / "var/lib/dpkg/status").read_bytes()).hexdigest()
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return text_digest("\n".join([*texts, status, day]))[:16]


def _link_package(source: str, target: str) -> None:
    if source.endswith(".deb"):
        os.link(source, target)
    else:
        shutil.copy(source, target)


def _record(cache: CacheFolder, system: str, groups: Sequence[str], root: Path, state: Path) -> None:
    images = ((IMAGE.format(system), Where(root=root)),)
    sets = (tuple(groups),) if len(groups) > 1 else ()
    result = recorder.record(RecordOrder(cache, tuple(groups), sets, images, own_rules(), state))
    for image in result.images:
        assert image.error is None, f"{image.error}: {image.error.details}"
        for outcome in image.outcomes:
            assert outcome.kind is OutcomeKind.RECORDED, f"{outcome.group}: {outcome.why}"
