"""Whatever the bytes of a file are, it is read or refused with every problem at its place; no name in it leads out."""

import hashlib
import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.fuzz.documents import (
    COLUMNS,
    DESCRIPTION,
    DESCRIPTION_TREE,
    HUGE,
    LOCK,
    PACKAGE_LIST,
    RECORDINGS,
    TOML,
    columns,
    descriptions,
    locks,
    of_json,
    of_text,
    package_lists,
    recording_lists,
    tomls,
)
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import bounded, read_or_refused
from tests.report.answers import CHECK, OUTDATED
from tests.report.caches import write_cache
from tests.report.conftest import DAY

from package_cache.cache.description import read_description
from package_cache.cache.layout import PROOFS, CacheFolder, group_folder
from package_cache.cache.package_list import list_text, parse_list
from package_cache.cache.proofs import Proof, add_proofs, read_proofs
from package_cache.cache.recording_list import parse_recordings, recordings_text
from package_cache.cache.recordings import is_recording
from package_cache.errors import CacheError, LockError, ManifestError, PackageCacheError, UsageError
from package_cache.exit_codes import ExitStatus
from package_cache.formatting import in_bytes
from package_cache.lock.file import lock_text, read_lock
from package_cache.manifest import read_manifest
from package_cache.names import ARCHITECTURE, GROUP_NAME, SHA256, PackageRequest
from package_cache.releases.mirrors import uri_below
from package_cache.report.facts import report_of
from package_cache.report.page import page_text
from package_cache.report.results import read_check, read_outdated

TOML_PIECES = [
    "[[group]]\n", "[group]\n", "[mirrors]\n", "[[repository]]\n", "name", "systems", "packages", "size-budget", "uris",
    "suite", "key", "priority", "recommends", "provides", " = ", "[", "]", "{", "}", ",", "\n", ".", '"', "'", '"""',
    "'''", '"ssh"', '["ubuntu18.04"]', '"bash"', '"50 MB"', "1", "-1", "1.5", "true", "1979-05-27 07:32:00", "# c\n",
    "\\u0000", "\\", "\r\n", "inf", '"a\\u0000"', "9" * 5000, '"/etc"', '"' + "a" * 300 + '"', "[" * 3000,
]  # fmt: skip
CSV_PIECES = ["ssh", "ubuntu18.04", "bash", ",", " ", "\n", "\r\n", "#", "\0", "\ufeff", "é", "\u2028", "\t", "=", ":"]


def edited(document: str, old: str, new: str) -> bytes:
    """Return a document with something else in one place."""
    assert old in document
    return document.replace(old, new, 1).encode()


def pieces(of: list[str]) -> st.SearchStrategy[bytes]:
    """Return bytes, texts, and texts of a format's own pieces."""
    return st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(st.sampled_from(of), max_size=30).map(lambda found: "".join(found).encode()),
    )


@fuzzed("columns", COLUMNS.encode(), content=st.one_of(columns, columns, columns, pieces(CSV_PIECES)))
def test_columns(tmp_path: Path, content: bytes) -> None:
    check_manifest(tmp_path / "manifest", content)


@fuzzed(
    "toml",
    TOML.encode(),
    b"a = " + b"[" * 100_000,
    b"a = " + b"9" * 5000,
    b"a = " + b"{ a = " * 400 + b"1" + b"}" * 400,
    b'[[repository]]\nname = "r"\nkey = "' + b"k" * 5000 + b'"\n',
    TOML.replace("700", HUGE).encode(),
    content=st.one_of(tomls, tomls, tomls, pieces(TOML_PIECES)),
)
def test_toml(tmp_path: Path, content: bytes) -> None:
    check_manifest(tmp_path / "manifest.toml", content)


def check_manifest(path: Path, content: bytes) -> None:
    """Read a manifest of these bytes, and see that what was read can be worked with."""
    path.write_bytes(content)
    manifest = read_or_refused(lambda: read_manifest(path), ManifestError, str(path), ExitStatus.BAD_MANIFEST)
    if isinstance(manifest, PackageCacheError):
        assert manifest.problems
        lines = content.count(b"\n") + 1
        assert all((problem.line or 1) <= lines for problem in manifest.problems)
        return
    assert manifest.groups
    for group in manifest.groups:
        assert GROUP_NAME.fullmatch(group.name)
        assert group.packages
        assert "\0" not in (group.precommands or "")
        for item in group.packages:
            assert PackageRequest.parse(str(item.request)) == item.request
            assert item.place.line


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300).map(str.encode)


@fuzzed(
    "lock",
    LOCK.encode(),
    LOCK.replace("format = 1", f"format = {HUGE}").encode(),
    LOCK.replace("163000\n", f"{HUGE}\n").encode(),
    LOCK.replace('"file:/tools"', '"-oDir::Bin::methods::copy=/x"').encode(),
    LOCK.replace('"file:/tools"', '"scheme://["').encode(),
    b"a = " + b"[" * 100_000,
    b"a = " + b"9" * 5000,
    LOCK.replace("[[system]]", "[system]").encode(),
    content=st.one_of(locks, locks, locks, texts),
)
def test_lock(content: bytes) -> None:
    text, file = content.decode("utf-8", "replace"), "package-cache.lock"
    lock = read_or_refused(lambda: read_lock(text, file=file), LockError, file, ExitStatus.BAD_LOCK)
    if isinstance(lock, PackageCacheError):
        assert lock.problems
        return
    written = lock_text(lock)
    written.encode()
    assert lock_text(read_lock(written, file="again")) == written
    for system in lock.systems:
        for group in system.groups:
            assert GROUP_NAME.fullmatch(group.name)
            assert group.requests  # a group that asks for nothing would be installed without anything
        for repository in system.repositories:
            assert not (repository.uri or "").startswith("-")
            uri_below(repository.uri or "file:/", "a")
        for package in system.packages:
            assert SHA256.fullmatch(package.sha256)
            assert 0 < package.size < 2**63


@fuzzed(
    "description",
    DESCRIPTION.encode(),
    edited(DESCRIPTION, '"ubuntu16.04"', '"/../../../pwned"'),
    edited(DESCRIPTION, '"Packages"', '"../../../pwned"'),
    edited(DESCRIPTION, f"{1:064x}", "../../pwned"),
    edited(DESCRIPTION, "495000", "1e400"),
    edited(DESCRIPTION, "495000", "-Infinity"),
    edited(DESCRIPTION, "495000", "9" * 400),
    edited(DESCRIPTION, '"format": 1', '"format": true'),
    edited(DESCRIPTION, '"package_cache_info"', '"\\ud800"'),
    edited(DESCRIPTION, '"ssh"', '"a\\u0000"'),
    json.dumps({**DESCRIPTION_TREE, "groups": DESCRIPTION_TREE["groups"] * 2}).encode(),
    content=descriptions,
)
def test_description(tmp_path: Path, content: bytes) -> None:
    cache = CacheFolder(tmp_path)
    cache.description.write_bytes(content)
    statuses = (ExitStatus.CACHE_DAMAGED, ExitStatus.CACHE_TOO_NEW)
    description = read_or_refused(lambda: read_description(cache), CacheError, str(cache.description), *statuses)
    if isinstance(description, PackageCacheError):
        return
    description.write(cache)
    assert read_description(cache) == description
    in_bytes(description.size)
    folders = [cache.path / group_folder(group.name, group.system) for group in description.groups]
    assert len(set(folders)) == len(folders)
    for group, folder in zip(description.groups, folders, strict=True):
        for path, parent in ((folder, cache.path / "groups"), *((folder / name, folder) for name in group.files)):
            assert Path(os.path.normpath(path)).parent == parent
            assert not path.exists()  # raises if a file system does not take it


FILE = "groups/ssh-ubuntu18.04/packages.json"


@fuzzed(
    "package list",
    PACKAGE_LIST.encode(),
    edited(PACKAGE_LIST, f"{1:064x}", "../../pwned"),
    edited(PACKAGE_LIST, "163000", "1e400"),
    edited(PACKAGE_LIST, "163000", "-Infinity"),
    edited(PACKAGE_LIST, "163000", "9" * 400),
    b"{}",
    content=package_lists,
)
def test_package_list(content: bytes) -> None:
    packages = read_or_refused(lambda: parse_list(content, FILE), CacheError, FILE, ExitStatus.CACHE_DAMAGED)
    if isinstance(packages, PackageCacheError):
        return
    assert parse_list(list_text(packages).encode(), FILE) == tuple(sorted(packages))
    in_bytes(sum(item.size for item in packages))
    cache = CacheFolder(Path("/cache"))
    for item in packages:
        assert Path(os.path.normpath(cache.package(item.sha256))).parent == cache.pool


@fuzzed(
    "recordings",
    RECORDINGS.encode(),
    edited(RECORDINGS, '"amd64"', '"../amd64"'),
    edited(RECORDINGS, "recording.amd64.", "../../recording.amd64."),
    edited(RECORDINGS, "1.45", "1e400"),
    edited(RECORDINGS, "1.45", "-Infinity"),
    edited(RECORDINGS, "1.45", "9" * 400),
    edited(RECORDINGS, "1.45", "NaN"),
    edited(RECORDINGS, "registry/", "\\u001b[31m"),
    b"{}",
    content=recording_lists,
)
def test_recordings(content: bytes) -> None:
    file = "groups/ssh-ubuntu18.04/recordings.json"
    recordings = read_or_refused(lambda: parse_recordings(content, file), CacheError, file, ExitStatus.CACHE_DAMAGED)
    if isinstance(recordings, PackageCacheError):
        return
    assert parse_recordings(recordings_text(recordings).encode(), file) == recordings
    assert all(is_recording(item.file) and "/" not in item.file for item in recordings)
    in_bytes(sum(item.bytes for item in recordings))


@fuzzed(
    "answers",
    json.dumps(CHECK).encode(),
    json.dumps(OUTDATED).encode(),
    b"[" * 100_000,
    edited(json.dumps(CHECK), '"status": 0', f'"status": {"9" * 4000}'),
    edited(json.dumps(CHECK), '"training"', '"\\ud800"'),
    edited(json.dumps(OUTDATED), '"result"', '"error"'),
    content=st.one_of(of_json(CHECK), of_json(OUTDATED), texts),
)
def test_answers(tmp_path: Path, content: bytes) -> None:
    """What was read is shown: as a page, all of it."""
    file = tmp_path / "answer.json"
    file.write_bytes(content)
    images = read_or_refused(lambda: read_check(file), UsageError, str(file), ExitStatus.USAGE)
    newer = read_or_refused(lambda: read_outdated(file), UsageError, str(file), ExitStatus.USAGE)
    cache = write_cache(tmp_path / "cache", [])
    if not isinstance(images, PackageCacheError):
        page_text(report_of(cache, DAY, images))
    if not isinstance(newer, PackageCacheError):
        page_text(report_of(cache, DAY, None, newer))


RELEASE = "SHA256:\n"
TRUE = hashlib.sha256(RELEASE.encode()).hexdigest()
PROOF = Proof(
    "ssh", "ubuntu18.04", "amd64", "docker://localhost:5000/job:1", f"sha256:{7:064x}", TRUE, 0, 13, True,
    "2024-01-01T00:00:00+00:00",
)  # fmt: skip
OTHERS = (
    replace(PROOF, digest="", where="/srv/root", status=50, installed=0, agreed=False),
    replace(PROOF, digest=f"sha256:{8:064x}", release=f"{9:064x}"),
    replace(PROOF, group="nfs"),
)
TREE: Any = {"format": 1, "proofs": [asdict(proof) for proof in (PROOF, *OTHERS)]}
TEXT = json.dumps(TREE, indent=1)
LATER = replace(PROOF, digest=f"sha256:{3:064x}", when="2024-02-01T00:00:00+00:00")
LATEST = [replace(PROOF, digest=f"sha256:{n:064x}", when="9999-12-31T00:00:00+00:00") for n in range(1000)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> CacheFolder:
    cache = CacheFolder(tmp_path_factory.mktemp("cache"))
    folder = cache.path / group_folder("ssh", "ubuntu18.04")
    folder.mkdir(parents=True)
    (folder / "Release").write_text(RELEASE)
    return cache


@fuzzed(
    "proofs",
    TEXT.encode(),
    edited(TEXT, '"status": 0', '"status": -9'),
    edited(TEXT, '"format": 1', '"format": true'),
    edited(TEXT, '"ssh"', '"../../ssh"'),
    edited(TEXT, '"ubuntu18.04"', '".."'),
    edited(TEXT, '"installed": 13', f'"installed": {"9" * 4000}'),
    edited(TEXT, "docker:", "\\ud800"),
    edited(TEXT, "docker:", "\\u001b[31m"),
    b"[" * 100_000,
    json.dumps({**TREE, "proofs": list(map(asdict, LATEST))}).encode(),
    content=st.one_of(of_json(TREE), of_text(TEXT)),
)
def test_proofs(cache: CacheFolder, content: bytes) -> None:
    """Only what is true of the cache as it is is believed, and more can be noted."""
    (cache.path / PROOFS).write_bytes(content)
    with bounded():
        found = read_proofs(cache)
    for proof in found:
        assert (proof.group, proof.system, proof.release) == ("ssh", "ubuntu18.04", TRUE)
        assert ARCHITECTURE.fullmatch(proof.architecture)
        assert proof.digest == "" or re.fullmatch("sha256:[0-9a-f]{64}", proof.digest)
        assert proof.where.isprintable()
        assert 0 <= proof.status < 2**63
        assert 0 <= proof.installed < 2**63
        f"{proof}".encode()
    add_proofs(cache, [LATER])
    after = read_proofs(cache)
    assert LATER in after
    assert len(after) <= 1000
    kept = {proof.about: proof for proof in found if proof.about != LATER.about}
    assert set(after) >= set(kept.values()) or len(after) == 1000


@pytest.mark.parametrize("wrong", [asdict(replace(PROOF, status=-9)), 7, None, {}, []])
def test_one_that_is_wrong_takes_no_other_with_it(wrong: Any, cache: CacheFolder) -> None:
    (cache.path / PROOFS).write_text(json.dumps({**TREE, "proofs": [wrong, *TREE["proofs"]]}))
    assert set(read_proofs(cache)) == {PROOF, OTHERS[0]}
