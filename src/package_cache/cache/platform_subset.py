"""What a cache holds for one architecture, read and checked: a cache of its own, with the pool of the complete one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from package_cache.ages import TIME
from package_cache.cache.checked_files import GroupContents, read_group, read_installer
from package_cache.cache.description import Description, read_description
from package_cache.cache.file_content import sha256_of
from package_cache.cache.layout import INDEX, PACKAGE_LIST, CacheFolder, image_index, pool_file
from package_cache.cache.package_list import DescribedPackage, list_text, needed_on
from package_cache.cache.recordings import with_recordings
from package_cache.errors import CacheError
from package_cache.signatures import Signer, need_signer


@dataclass(frozen=True)
class Part:
    """All groups of a cache that there are for an architecture."""

    architecture: str
    description: Description
    groups: tuple[GroupContents, ...]
    installer: bytes


def architectures_of(description: Description) -> tuple[str, ...]:
    """Return the architectures that a cache has groups for."""
    return tuple(sorted({name for group in description.groups for name in group.architectures}))


def read_part(
    cache: CacheFolder, architecture: str, description: Description | None = None, signer: Signer | None = None
) -> Part:
    """Read what a cache holds for an architecture. Raises `CacheError` if it is not what the description states.

    Where that is all it holds, its own bytes are given. Who reads several gives the description, the same for all. What
    is signed and not given as it is, is signed again.
    """
    description = description or read_description(cache)
    if not TIME.fullmatch(description.created):
        message = f"cannot read {cache.description}: 'created' is no time: {description.created!r}"
        raise CacheError(message, hint="build the cache again")
    installer = read_installer(cache, description)
    groups = [read_group(cache, group) for group in description.groups if architecture in group.architectures]
    if architectures_of(description) != (architecture,):
        groups = [_narrowed(item, architecture, signer) for item in groups]
        sizes = {package.sha256: package.size for item in groups for package in item.packages}
        narrowed = description.with_groups((item.group for item in groups), sizes)
        description = replace(narrowed, lock_digest="")  # of no lock: a build would do something
    return Part(architecture, description, tuple(groups), installer)


def _narrowed(full: GroupContents, architecture: str, signer: Signer | None) -> GroupContents:
    group = full.group
    if group.architectures == (architecture,):
        return full
    need_signer(group.signed_by, signer)
    packages = needed_on(architecture, full.packages, group.architectures, group.requests)
    own = (f"{architecture}.group", image_index(architecture, ""))
    files = {
        INDEX: _paragraphs(full.files[INDEX], packages),
        **{name: content for name, content in full.files.items() if name.startswith(own)},
        PACKAGE_LIST: list_text(packages).encode(),
    }
    recordings = {item: content for item, content in full.recordings.items() if item.architecture == architecture}
    folder = with_recordings(
        files, recordings, group=group.name, system=group.system, architectures=[architecture], signer=signer
    )
    narrowed = replace(
        group,
        architectures=(architecture,),
        packages=len(packages),
        size=sum(item.size for item in packages),
        files={name: sha256_of(content) for name, content in folder.items()},
        signed_by=signer.fingerprints if signer else (),
    )
    files = {name: content for name, content in folder.items() if isinstance(content, bytes)}
    return GroupContents(narrowed, files, packages, recordings)


_FILENAME = re.compile(rb"^Filename: (.*)$", re.MULTILINE)


def _paragraphs(index: bytes, packages: Sequence[DescribedPackage]) -> bytes:
    """Return the paragraphs of these packages out of a `Packages` file that a build wrote."""
    wanted = {pool_file(item.sha256).encode() for item in packages}
    paragraphs = index.removesuffix(b"\n").split(b"\n\n")
    kept = [text for text in paragraphs if (found := _FILENAME.search(text)) and found[1] in wanted]
    return b"\n\n".join(kept) + b"\n"
