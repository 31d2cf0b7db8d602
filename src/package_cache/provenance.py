"""`provenance`: an in-toto statement with SLSA provenance v1 of a cache, by in-toto's library (extra `provenance`).

Subjects are the cache's description, which states the hash of every file, and the images that were made of it. The
archive's files are resolved dependencies, each with the Release files and keys that vouched for its repository; the
files of the pool are byproducts, each with the archive's file that it was recompressed from, how and by what.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from packageurl import PackageURL

from package_cache.cache.checked_files import read_list
from package_cache.cache.consistent_read import once_settled
from package_cache.cache.description import Description, read_description
from package_cache.cache.layout import DESCRIPTION, CacheFolder, pool_file
from package_cache.cache.package_list import DescribedPackage, not_locked
from package_cache.errors import CacheError, LockError
from package_cache.filesystem.paths import text_digest
from package_cache.lock.file import lock_text
from package_cache.lock.model import Lock, LockedPackage, LockedSystem
from package_cache.releases.mirrors import uri_below

PREDICATE = "https://slsa.dev/provenance/v1"
PACKAGE = "pkg:pypi/pod-package-cache"
BUILD_TYPE = f"{PACKAGE}#build-v1"
"""What the parameters mean: docs/provenance.md."""


def provenance_text(cache: CacheFolder, lock: Lock, images: Sequence[tuple[str, str]]) -> str:
    """Return the statement as JSON; the same cache, lock and images give the same text.

    `images` are names of images that were made of the cache, each with a digest, `sha256:...`.

    Raises `CacheError` if the cache is missing or damaged, `LockError` if it was not built from that lock.
    """
    content, description, packages = once_settled(cache, lambda: _read(cache))
    originals = {item.original_sha256 for _, item in packages}
    if description.lock_digest != text_digest(lock_text(lock)) or not_locked((item for _, item in packages), lock):
        raise LockError(
            f"cannot say where {cache.path} comes from: it was not built from this lock",
            hint="name the lock that it was built from, and no part of a cache out of an image, which is of no lock",
        )
    subjects = [ResourceDescriptor(DESCRIPTION, digest={"sha256": hashlib.sha256(content).hexdigest()})]
    subjects += [
        ResourceDescriptor(name, digest=dict([digest.split(":", 1)])) for name, digest in dict.fromkeys(images)
    ]
    predicate = provenance_pb2.Provenance()
    definition = predicate.build_definition
    definition.build_type = BUILD_TYPE
    definition.external_parameters.update(
        {
            "manifest": description.manifest,
            "manifestDigest": description.manifest_digest,
            "lockDigest": description.lock_digest,
        }
    )
    definition.internal_parameters.update({"compression": {one.system: one.compression for one in description.groups}})
    definition.resolved_dependencies.extend(_distinct(_dependencies(system, originals) for system in lock.systems))
    details = predicate.run_details
    details.builder.id = PACKAGE
    details.builder.version["builtBy"] = description.built_by
    details.metadata.finished_on.CopyFrom(_time(description.created, cache))
    details.byproducts.extend(_distinct([_byproducts(packages)]))
    statement = Statement([item.pb for item in subjects], PREDICATE, MessageToDict(predicate))
    statement.validate()
    return json.dumps(MessageToDict(statement.pb), indent=1, sort_keys=True) + "\n"


def _distinct(parts: Iterable[Iterable[ResourceDescriptor]]) -> list[Message]:
    """Return each descriptor once: architectures share packages, and groups share files."""
    found = {item.pb.SerializeToString(deterministic=True): item.pb for part in parts for item in part}
    return list(found.values())


Packages = Sequence[tuple[str, DescribedPackage]]
"""Files of the pool, each with how its members are compressed."""


def _read(cache: CacheFolder) -> tuple[bytes, Description, Packages]:
    description = read_description(cache)
    packages = {(group.compression, item) for group in description.groups for item in read_list(cache, group)}
    return cache.inside.read(DESCRIPTION, "cache-file-bytes"), description, sorted(packages)


def _time(text: str, cache: CacheFolder) -> Timestamp:
    found = Timestamp()
    try:
        found.FromJsonString(text)
    except (ValueError, OverflowError) as error:
        message = f"cannot read {cache.description}: created: {text!r} is not a time"
        raise CacheError(message, hint="build or stage the cache again") from error
    return found


def _dependencies(system: LockedSystem, originals: Collection[str]) -> Iterator[ResourceDescriptor]:
    """Yield what vouched for the packages of a system, then those of these SHA-256, which a staged cache has."""
    uris = {item.name: item.uri for item in system.repositories}
    for repository in system.repositories:
        for release in repository.releases:
            yield ResourceDescriptor(
                f"{repository.name} {release.suite}",
                digest={"sha256": release.sha256},
                annotations={
                    "system": str(system.system),
                    "signedBy": list(release.signed_by),
                    **({"repositoryUri": repository.uri} if repository.uri else {}),
                },
            )
    for package in system.packages:
        if package.sha256 in originals:
            yield _archive_file(package, system, uris[package.repository])


def _archive_file(package: LockedPackage, system: LockedSystem, uri: str | None) -> ResourceDescriptor:
    of = system.system
    qualifiers = {"arch": package.architecture, "distro": f"{of.distribution}-{of.version}"}
    return ResourceDescriptor(
        package.key,
        uri=str(PackageURL("deb", of.distribution, package.name, package.version, qualifiers)),
        digest={"sha256": package.sha256},
        download_location=uri_below(uri, package.path) if uri else "",
        annotations={"repository": package.repository, "path": package.path},
    )


def _byproducts(packages: Packages) -> Iterator[ResourceDescriptor]:
    for compression, item in packages:
        annotations: dict[str, Any] = {"from": item.original_sha256, "compression": compression}
        if item.compressed_by:
            annotations["compressedBy"] = item.compressed_by
        yield ResourceDescriptor(pool_file(item.sha256), digest={"sha256": item.sha256}, annotations=annotations)
