"""`proofs.json`: results of real installations in disposable roots: information for people, beside the cache.

Nothing depends on it: no build, no installer looks at it, and where it cannot be read, it says nothing.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from package_cache.ages import TIME
from package_cache.bounded_json import load_json
from package_cache.cache.layout import LOCK, PROOFS, CacheFolder, group_folder
from package_cache.fields import Fields
from package_cache.filesystem.write_errors import writing_to
from package_cache.names import GROUP_NAME, SHA256

FORMAT = 1
MOST = 1000
"""How many are kept; the oldest go first."""

WRITER_LIMIT = 600.0
"""Seconds to wait for a build that holds the cache's lock."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, order=True)
class Proof:
    """The result of one group's trial installation in one container system."""

    group: str
    system: str
    architecture: str
    where: str
    """The image's reference, or the root's path."""
    digest: str
    """Of the image's manifest; empty for a root."""
    release: str
    """SHA-256 of the group's `Release`, by which all of the group is known: of another one it proves nothing."""
    status: int
    """The installer's."""
    installed: int
    """How many packages came."""
    agreed: bool
    """Whether `check` had predicted just that."""
    when: str
    """As RFC 3339 in UTC."""

    @property
    def about(self) -> tuple[str, ...]:
        """What it is about: a newer proof of the same takes its place."""
        return (self.group, self.system, self.architecture, self.digest or self.where)


def release_digest(cache: CacheFolder, group: str, system: str) -> str:
    """Return the digest by which a proof identifies a group; empty if there is no such group."""
    try:
        return cache.inside.sha256(f"{group_folder(group, system)}/Release")
    except OSError:
        return ""


def read_proofs(cache: CacheFolder) -> tuple[Proof, ...]:
    """Return all proofs of groups as they are now, oldest first; none if the file is missing or damaged."""
    return tuple(
        proof for proof in _read(cache) if proof.release == release_digest(cache, proof.group, proof.system) != ""
    )


def add_proofs(cache: CacheFolder, proofs: Iterable[Proof]) -> None:
    """Add proofs, under the cache's lock, in one rename.

    Raises `PackageCacheError` with READ_ONLY or NO_SPACE where the cache cannot be written.
    """
    proofs = tuple(proofs)
    with writing_to(cache.path), cache.inside.locked(LOCK, wait=WRITER_LIMIT):
        known = {proof.about: proof for proof in (*_read(cache), *proofs)}
        now = max((proof.when for proof in proofs), default="")
        # What a wrong clock noted as later than now counts as of now: it must not push out what is new.
        kept = sorted(known.values(), key=lambda proof: min(proof.when, now))[-MOST:]
        document = {"format": FORMAT, "proofs": [asdict(proof) for proof in kept]}
        cache.inside.write(PROOFS, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")


def _read(cache: CacheFolder) -> tuple[Proof, ...]:
    try:
        document = load_json(cache.inside.read(PROOFS, "cache-file-bytes"))
    except (OSError, ValueError, RecursionError):
        return ()
    if not isinstance(document, dict) or type(document.get("format")) is not int or document["format"] != FORMAT:
        return ()
    tables = document.get("proofs")
    found = map(_proof, tables if isinstance(tables, list) else ())
    return tuple(proof for proof in found if proof is not None)


def _proof(table: Any) -> Proof | None:
    """Return one proof, or None if the line is invalid, which does not affect the others."""
    if not isinstance(table, dict):
        return None
    fields = Fields(table, "")
    proof = fields.record(
        Proof,
        group=fields.text("group", GROUP_NAME, "a group's name"),
        system=fields.text("system", re.compile(r"[a-z0-9._]+", re.ASCII), "an OS release"),
        release=fields.text("release", SHA256, "a sha256"),
        when=fields.text("when", TIME, "a time"),
        digest=fields.text("digest", _DIGEST, "a digest", empty=True),
        status=fields.count("status"),
        installed=fields.count("installed"),
        agreed=fields.flag("agreed"),
    )
    if not proof.where.isprintable():
        fields.wrong("where", "holds control characters")
    return None if fields.problems else proof
