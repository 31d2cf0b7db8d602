"""Whatever the bytes of proofs.json are, only what is true of the cache as it is is believed, and more can be noted."""

import hashlib
import json
import re
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.counts import Tried
from tests.fuzz.effort import fuzzed
from tests.fuzz.law import bounded
from tests.fuzz.strategies import of_json, of_text

from package_cache.cache.layout import PROOFS, CacheFolder, group_folder
from package_cache.cache.proofs import Proof, add_proofs, read_proofs
from package_cache.names import ARCHITECTURE

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


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> CacheFolder:
    cache = CacheFolder(tmp_path_factory.mktemp("cache"))
    folder = cache.path / group_folder("ssh", "ubuntu18.04")
    folder.mkdir(parents=True)
    (folder / "Release").write_text(RELEASE)
    return cache


def edited(old: str, new: str) -> bytes:
    """Return the file with something else in one place."""
    assert old in TEXT
    return TEXT.replace(old, new, 1).encode()


@fuzzed("proofs")
@example(content=TEXT.encode())
@example(content=edited('"status": 0', '"status": -9'))
@example(content=edited('"format": 1', '"format": true'))
@example(content=edited('"ssh"', '"../../ssh"'))
@example(content=edited('"ubuntu18.04"', '".."'))
@example(content=edited('"installed": 13', f'"installed": {"9" * 4000}'))
@example(content=edited("docker:", "\\ud800"))
@example(content=edited("docker:", "\\u001b[31m"))
@example(content=b"[" * 100_000)
@example(content=json.dumps({**TREE, "proofs": [asdict(replace(PROOF, digest=f"sha256:{number:064x}",
         when="9999-12-31T00:00:00+00:00")) for number in range(1000)]}).encode())  # fmt: skip
@given(content=st.one_of(of_json(TREE), of_text(TEXT)))
def test_proofs(cache: CacheFolder, tried: Tried, content: bytes) -> None:
    tried("proofs")
    (cache.path / PROOFS).write_bytes(content)
    with bounded():
        found = read_proofs(cache)
    for proof in found:
        check_believed(proof)
    add_proofs(cache, [LATER])
    after = read_proofs(cache)
    assert LATER in after
    assert len(after) <= 1000
    kept = {proof.about: proof for proof in found if proof.about != LATER.about}
    assert set(after) >= set(kept.values()) or len(after) == 1000


def check_believed(proof: Proof) -> None:
    """Check that it is about a group as it is, and can be shown."""
    assert (proof.group, proof.system, proof.release) == ("ssh", "ubuntu18.04", TRUE)
    assert ARCHITECTURE.fullmatch(proof.architecture)
    assert proof.digest == "" or re.fullmatch("sha256:[0-9a-f]{64}", proof.digest)
    assert proof.where.isprintable()
    assert 0 <= proof.status < 2**63
    assert 0 <= proof.installed < 2**63
    f"{proof}".encode()


@pytest.mark.parametrize("wrong", [asdict(replace(PROOF, status=-9)), 7, None, {}, []])
def test_one_that_is_wrong_takes_no_other_with_it(wrong: Any, cache: CacheFolder) -> None:
    (cache.path / PROOFS).write_text(json.dumps({**TREE, "proofs": [wrong, *TREE["proofs"]]}))
    assert set(read_proofs(cache)) == {PROOF, OTHERS[0]}
