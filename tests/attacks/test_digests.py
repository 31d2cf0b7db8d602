"""Attacks on the digest chain: what is named by a digest is hashed before it is parsed, and other bytes are refused."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.registry import Hostile
from tests.check.layouts import HandMade, base, package
from tests.fuzz.world import Done, checked
from tests.installer.synthetic import SyntheticCache

from package_cache.exit_codes import ExitStatus
from package_cache.oci.reader import source_image

OTHER = "sha256:" + "0" * 64


def refused(done: Done, status: ExitStatus = ExitStatus.NOT_VERIFIED) -> None:
    """Check that nothing is predicted and that the error is printed."""
    assert (done.status, done.out) == (status.code, ""), done
    assert done.err.startswith("error: cannot "), done


def images(tmp_path: Path) -> tuple[HandMade, Any, Any, Any]:
    """Return a layout with a good image, the attacker's, and an index of the good one."""
    layout = HandMade(tmp_path / "image")
    good = layout.image([base(), {"etc/good": "1"}])
    bad = layout.image([base(package("wanted"))])
    return layout, good, bad, layout.index([good])


MANIFESTS: dict[str, Callable[[bytes, bytes, bytes], bytes]] = {
    "another": lambda good, bad, index: bad,
    "an index": lambda good, bad, index: index,
    "a blank more": lambda good, bad, index: good + b" ",
    "no JSON": lambda good, bad, index: b"{",
    "bytes that are no text": lambda good, bad, index: b"\xff\xfe{}",
    "another, and a header that lies": lambda good, bad, index: bad,
}
"""What stands in the place of the good image's manifest."""
BLOBS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "another layer": lambda good, bad: bad,
    "a layer cut short": lambda good, bad: good[:-1],
    "a layer with more behind": lambda good, bad: good + b"\0",
}
"""What stands in the place of its layers."""


def answer(registry: Hostile, attack: str, layout: HandMade, good: Any, bad: Any, index: Any) -> None:
    """Have a registry answer wrongly for a good image."""
    manifest = json.loads(layout.place(good).read_bytes())
    bad_layer = json.loads(layout.place(bad).read_bytes())["layers"][0]
    if attack in MANIFESTS:
        contents = (layout.place(image).read_bytes() for image in (good, bad, index))
        registry.manifests[good["digest"]] = MANIFESTS[attack](*contents)
    if "a header that lies" in attack:
        registry.headers["Docker-Content-Digest"] = good["digest"]
    if attack == "another configuration":
        registry.blobs[manifest["config"]["digest"]] = b'{"architecture": "arm64"}'
    if attack in BLOBS:
        for layer in manifest["layers"] if attack == "another layer" else manifest["layers"][1:]:
            contents = (layout.place(each).read_bytes() for each in (layer, bad_layer))
            registry.blobs[layer["digest"]] = BLOBS[attack](*contents)
    if attack == "a redirect to another layer":
        registry.redirects[manifest["layers"][1]["digest"]] = bad_layer["digest"]


@pytest.mark.parametrize("attack", [*MANIFESTS, *BLOBS, "another configuration", "a redirect to another layer"])
def test_what_a_registry_answers_for_an_image_named_by_digest(
    attack: str, registry: Hostile, cache: SyntheticCache, tmp_path: Path
) -> None:
    layout, good, bad, index = images(tmp_path)
    registry.holds(layout, good)
    answer(registry, attack, layout, good, bad, index)
    refused(checked(cache.path, f"{registry.host}/x@{good['digest']}"))


@pytest.mark.parametrize("attack", MANIFESTS)
def test_what_a_registry_answers_for_an_entry_of_an_index(
    attack: str, registry: Hostile, cache: SyntheticCache, tmp_path: Path
) -> None:
    layout, good, bad, index = images(tmp_path)
    registry.holds(layout, index)
    answer(registry, attack, layout, good, bad, index)
    refused(checked(cache.path, f"{registry.host}/x@{index['digest']}"))
    refused(checked(cache.path, f"{registry.host}/x:v1"))


def test_a_tag_that_moves_between_two_requests(registry: Hostile, cache: SyntheticCache, tmp_path: Path) -> None:
    layout, good, bad, _ = images(tmp_path)
    registry.holds(layout, good)
    registry.then["v1"] = registry.manifests[bad["digest"]]
    done = checked(cache.path, f"{registry.host}/x:v1", "--json")
    answer = json.loads(done.out)["result"]
    assert (answer["digest"], answer["asked_digest"], answer["groups"][0]["prediction"]) == (good["digest"], "", "hit")


def test_the_digest_counts_beside_a_tag_that_leads_elsewhere(
    registry: Hostile, cache: SyntheticCache, tmp_path: Path
) -> None:
    layout, good, bad, index = images(tmp_path)
    registry.holds(layout, bad)
    done = checked(cache.path, f"{registry.host}/x:v1@{good['digest']}", "--json")
    answer = json.loads(done.out)["result"]
    assert (answer["asked_digest"], answer["digest"]) == (good["digest"], good["digest"])
    done = checked(cache.path, f"{registry.host}/x@{index['digest']}")
    assert done.out.splitlines()[1:3] == [f"asked for {index['digest']}", f"read      {good['digest']}"]


@pytest.mark.parametrize(
    "digest",
    ["sha256:", "sha256:abc", "sha256:" + "A" * 64, "sha256:" + "0" * 65, f"{OTHER}@{OTHER}", f"{OTHER}/x"],
    ids=["nothing", "short", "large letters", "long", "two", "a path"],
)
def test_what_is_no_digest(digest: str, cache: SyntheticCache) -> None:
    refused(checked(cache.path, f"localhost:1/x@{digest}"), ExitStatus.USAGE)


@pytest.fixture(params=["oci", "oci-archive"])
def reference_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[HandMade], str]:
    def reference(layout: HandMade) -> str:
        if request.param == "oci":
            return f"oci:{layout.folder}"
        with tarfile.open(tmp_path / "image.tar", "w") as archive:
            archive.add(layout.folder, ".")
        return f"oci-archive:{tmp_path / 'image.tar'}"

    return reference


@pytest.mark.parametrize("part", ["manifest", "config", "layer", "index", "entry"])
@pytest.mark.parametrize("how", ["other bytes", "a bit", "one more", "one less"])
def test_a_blob_of_a_layout_that_was_altered(
    part: str, how: str, reference_of: Callable[[HandMade], str], cache: SyntheticCache, tmp_path: Path
) -> None:
    layout, good, bad, index = images(tmp_path)
    layout.name(index if part in ("index", "entry") else good)
    manifest = json.loads(layout.place(good).read_bytes())
    blob = {"manifest": good, "entry": good, "index": index, "config": manifest["config"]}.get(
        part, manifest["layers"][1]
    )
    content = layout.place(blob).read_bytes()
    other = layout.place(bad).read_bytes()
    new = {"other bytes": other, "one more": content + b" ", "one less": content[:-1]}
    layout.place(blob).write_bytes(new.get(how, bytes([content[0] ^ 1]) + content[1:]))
    refused(checked(cache.path, reference_of(layout)))


@pytest.mark.parametrize("kind", ["missing", "altered", "a layer"])
def test_a_layout_named_by_a_digest(
    kind: str, reference_of: Callable[[HandMade], str], cache: SyntheticCache, tmp_path: Path
) -> None:
    layout, good, bad, _ = images(tmp_path)
    layout.name(bad)
    digest = good["digest"]
    if kind == "missing":
        layout.place(good).unlink()
    elif kind == "altered":
        layout.place(good).write_bytes(layout.place(bad).read_bytes())
    else:
        digest = json.loads(layout.place(good).read_bytes())["layers"][0]["digest"]
    refused(checked(cache.path, f"{reference_of(layout)}@{digest}"), {
        "altered": ExitStatus.NOT_VERIFIED}.get(kind, ExitStatus.INTERNAL))  # fmt: skip


def test_a_layout_named_by_a_digest_is_that_one(
    reference_of: Callable[[HandMade], str], cache: SyntheticCache, tmp_path: Path
) -> None:
    layout, good, bad, _ = images(tmp_path)
    layout.name(bad)
    answer = json.loads(checked(cache.path, f"{reference_of(layout)}@{good['digest']}", "--json").out)["result"]
    assert (answer["asked_digest"], answer["digest"]) == (good["digest"], good["digest"])


@pytest.mark.parametrize("digest", ["sha256:../../../../../etc/passwd", "sha512:" + "0" * 128, "", 3, None, "../x"])
def test_a_digest_that_is_none_in_an_index(digest: object, cache: SyntheticCache, tmp_path: Path) -> None:
    layout, *_ = images(tmp_path)
    (layout.folder / "index.json").write_text(json.dumps({"manifests": [{"digest": digest}]}))
    refused(checked(cache.path, f"oci:{layout.folder}"), ExitStatus.INTERNAL)


def test_a_layer_that_is_swapped_after_it_was_hashed(tmp_path: Path) -> None:
    layout, good, bad, _ = images(tmp_path)
    with source_image(layout.name(good)) as image, image.open_layer(image.layers[1]) as stream:
        place = layout.folder / "blobs" / image.layers[1].replace(":", "/")
        (tmp_path / "new").write_bytes(layout.place(bad).read_bytes())
        (tmp_path / "new").replace(place)
        assert b"etc/good" in stream.read()


def test_a_second_blob_of_the_same_name_in_an_archive(cache: SyntheticCache, tmp_path: Path) -> None:
    layout, good, bad, _ = images(tmp_path)
    layout.name(good)
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        archive.add(layout.folder, ".")
        archive.add(layout.place(bad), f"blobs/{good['digest'].replace(':', '/')}")
    refused(checked(cache.path, f"oci-archive:{tmp_path / 'image.tar'}"))
