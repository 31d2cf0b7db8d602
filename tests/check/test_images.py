"""Images are read layer by layer from the top, as a container of them would see their files; nothing is unpacked."""

import gzip
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.check.layouts import HandMade, Tree, base, package, tar_of
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.cache.layout import CacheFolder
from package_cache.check.prediction import check
from package_cache.check.target import seen_in_files
from package_cache.check.verdict import CheckResult, Prediction
from package_cache.errors import PackageCacheError, UsageError, VerificationError
from package_cache.oci.layered_files import LayeredFiles
from package_cache.oci.reader import source_image
from package_cache.oci.system_files import RootFiles
from package_cache.oci.unpack import image_root
from package_cache.sandbox.bootstrap import archive_root
from package_cache.sandbox.isolation import Isolation

RELEASE = "usr/lib/os-release"
ROWS: dict[str, tuple[list[Tree], str, bytes | None]] = {
    "the upper one counts": ([{RELEASE: "old"}, {RELEASE: "new"}], RELEASE, b"new"),
    "a lower one is seen": ([{RELEASE: "old"}, {"other": "x"}], RELEASE, b"old"),
    "a whiteout": ([{RELEASE: "old"}, {"usr/lib/.wh.os-release": ""}], RELEASE, None),
    "a whiteout and a new one": ([{RELEASE: "old"}, {RELEASE: "new", "usr/lib/.wh.os-release": ""}], RELEASE, b"new"),
    "a whiteout below": ([{RELEASE: "old"}, {"usr/lib/.wh.os-release": ""}, {RELEASE: "new"}], RELEASE, b"new"),
    "a whiteout of a folder": ([{RELEASE: "old"}, {"usr/.wh.lib": ""}], RELEASE, None),
    "an opaque folder": ([{RELEASE: "old"}, {"usr/lib/.wh..wh..opq": ""}], RELEASE, None),
    "an opaque folder above": ([{RELEASE: "old"}, {"usr/.wh..wh..opq": "", "usr/x": "y"}], RELEASE, None),
    "an opaque root": ([{RELEASE: "old"}, {".wh..wh..opq": ""}], RELEASE, None),
    "opaque, and its own": ([{RELEASE: "old"}, {"usr/lib/.wh..wh..opq": "", RELEASE: "new"}], RELEASE, b"new"),
    "a file in a folder's place": ([{RELEASE: "old"}, {"usr/lib": "a file"}], RELEASE, None),
    "a link": ([{RELEASE: "old", "etc/os-release": "-> ../usr/lib/os-release"}], "etc/os-release", b"old"),
    "an absolute link": ([{RELEASE: "old", "etc/os-release": "-> /usr/lib/os-release"}], "etc/os-release", b"old"),
    "a link to the outside": ([{RELEASE: "old", "etc/os-release": "-> ../../../usr/lib/os-release"}],
                              "etc/os-release", b"old"),
    "a folder that is a link": ([{RELEASE: "old", "lib": "-> usr/lib"}], "lib/os-release", b"old"),
    "links in a circle": ([{"etc/os-release": "-> os-release"}], "etc/os-release", None),
    "a link to nothing": ([{"etc/os-release": "-> nothing"}], "etc/os-release", None),
    "a hard link": ([{RELEASE: "old", "etc/os-release": f"= {RELEASE}"}], "etc/os-release", b"old"),
    "a link of a layer above": ([{RELEASE: "old"}, {"etc/os-release": "-> /usr/lib/os-release"}],
                                "etc/os-release", b"old"),
    "a folder over a link": ([{RELEASE: "old", "lib": "-> usr/lib"}, {"lib/x": "y"}], "lib/os-release", None),
    "a whiteout over a link": ([{RELEASE: "old", "lib": "-> usr/lib"}, {"lib/.wh.x": ""}], "lib/os-release", None),
    "through a link of its own layer": ([{"lib": "-> usr/lib", "lib/os-release": "new"}], RELEASE, b"new"),
    "a link, then a step up": ([{"a/b/c": "", "a/os-release": "old", "l": "-> a/b",
                                 "etc/os-release": "-> ../l/../os-release"}], "etc/os-release", b"old"),
    "a file where a folder was": ([{RELEASE: "old", "usr/lib": "a file"}], RELEASE, None),
    "what no name tells": ([{"opt/any": "old", "etc/os-release": "-> /opt/any"}], "etc/os-release", b"old"),
    "what no name tells, by a hard link": ([{"opt/any": "old", RELEASE: "= opt/any"}], RELEASE, b"old"),
    "a hard link to a link": ([{"opt/l": "-> any", RELEASE: "= opt/l", "usr/lib/any": "old"}], RELEASE, b"old"),
    "names with ./ before them": ([{f"./{RELEASE}": "old"}, {"./usr/lib/.wh.os-release": ""}], RELEASE, None),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_files_as_a_container_sees_them(row: str, compression: str, layout: HandMade) -> None:
    layers, path, content = ROWS[row]
    with source_image(layout.named(*layers, compression=compression)) as image:
        assert image.files().read(f"/{path}") == content


def test_files_of_the_top_layer_need_no_other_layer(layout: HandMade) -> None:
    with source_image(layout.named(base(), {"var/lib/dpkg/status": "new"}, {"other": "x"})) as opened:
        files = opened.files()
        assert (files.read("/var/lib/dpkg/status"), len(files._read)) == (b"new", 2)
        assert (files.names("/usr/bin")[:2], len(files._read)) == (["apt-get", "df"], 3)


def test_names_of_all_layers_without_whiteouts(layout: HandMade) -> None:
    with source_image(layout.named({"d/1": "", "d/2": "", "d/3": ""}, {"d/.wh.2": "", "d/4": ""})) as image:
        assert image.files().names("/d") == ["1", "3", "4"]
    assert LayeredFiles([], "no layer at all").read("/etc/os-release") is None


def checked(reference: str, cache: SyntheticCache, group: str, architecture: str | None = None) -> CheckResult:
    with source_image(reference, architecture=architecture) as image:
        seen = seen_in_files(reference, image.files(), architecture, digest=image.digest)
        return check([group], CacheFolder(cache.path), seen)


def test_a_complete_image(cache: SyntheticCache, layout: HandMade) -> None:
    lower, upper = base(), {"var/lib/dpkg/status": base(package("needed"))["var/lib/dpkg/status"]}
    fresh = checked(layout.named(lower, tag="fresh"), cache, "tools").verdicts[0]
    assert (fresh.prediction, [item.name for item in fresh.packages]) == (Prediction.HIT, ["needed", "wanted"])
    later = checked(layout.named(lower, upper, tag="later"), cache, "tools")
    assert [item.name for item in later.verdicts[0].packages] == ["wanted"]
    assert (later.system, later.architecture) == ("ubuntu18.04", "amd64")
    assert later.digest.startswith("sha256:")


def test_the_platform_that_is_asked_for(cache: SyntheticCache, layout: HandMade) -> None:
    arm_deb = make_deb(layout.folder.with_name("debs"), "arm", architecture="arm64")
    cache.add("arm", ["arm"], [arm_deb], architecture="arm64")
    images = [layout.image([base(architecture=name)], architecture=name) for name in ("amd64", "arm64")]
    reference = layout.name(layout.index(images))
    assert checked(reference, cache, "arm").verdicts[0].status.reason == "not-for-architecture"
    arm = checked(reference, cache, "arm", "arm64")
    assert (arm.verdicts[0].prediction, arm.architecture) == (Prediction.HIT, "arm64")
    with pytest.raises(UsageError, match="the image is for amd64, arm64"):
        checked(reference, cache, "arm", "s390x")
    with pytest.raises(UsageError, match="the image is for arm64"):
        checked(layout.name(images[1], "one"), cache, "arm", "amd64")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "its index names no image for Linux"),
        ([{"platform": {"os": "windows", "architecture": "amd64"}}], "its index names no image for Linux"),
        ([{"platform": {"os": "linux"}}], "the image is for an architecture that its index does not name"),
    ],
)
def test_an_index_that_names_no_platform(
    entries: list[dict[str, Any]], message: str, cache: SyntheticCache, layout: HandMade
) -> None:
    image = layout.image([base()])
    reference = layout.name(layout.index([{**image, **entry} for entry in entries]))
    with pytest.raises(UsageError) as caught:
        checked(reference, cache, "tools")
    assert caught.value.message == f"cannot check {reference} for amd64: {message}"


def test_an_archive(cache: SyntheticCache, tmp_path: Path, layout: HandMade) -> None:
    layout.named(base(), tag="v1")
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        archive.add(layout.folder, ".")
    assert checked(f"oci-archive:{tmp_path}/image.tar:v1", cache, "tools").verdicts[0].prediction is Prediction.HIT


HOSTILE = 'amd64"; APT::Architectures:: "i386"; APT::Solver "/bin/false'
"""As the name of an architecture: more lines of apt's configuration, if it were written there as it is."""


def test_what_an_image_says_is_no_configuration_of_apt(cache: SyntheticCache, layout: HandMade) -> None:
    foreign = layout.named(base(), {"var/lib/dpkg/arch": f"amd64\n{HOSTILE}\ni386\n"}, tag="foreign")
    assert checked(foreign, cache, "tools").verdicts[0].prediction is Prediction.HIT
    with pytest.raises(PackageCacheError, match="does not state its architecture"):
        checked(layout.named(base(architecture=HOSTILE), tag="own"), cache, "tools")


def test_an_image_without_dpkg(cache: SyntheticCache, layout: HandMade) -> None:
    (verdict,) = checked(layout.named({"etc/os-release": "ID=alpine\n"}), cache, "tools").verdicts
    assert verdict.status.code == 21
    assert verdict.message == "there is no dpkg here: this is not an image of the Debian family"


def test_an_altered_layer_is_not_believed(cache: SyntheticCache, layout: HandMade) -> None:
    content = tar_of(base())
    reference = layout.named(content, compression="")
    layout.place(layout.blob(content)).write_bytes(tar_of(base(package("wanted"))))
    with pytest.raises(VerificationError):
        checked(reference, cache, "tools")


@pytest.mark.parametrize("content", [b"not a tar archive" * 100, tar_of(base())[:1500], b"\x1f\x8b\x08 nonsense" * 9])
def test_a_layer_that_cannot_be_read(content: bytes, cache: SyntheticCache, layout: HandMade) -> None:
    with pytest.raises(PackageCacheError, match="layer"):
        checked(layout.named(content, compression=""), cache, "tools")


HOSTILE_DOCUMENTS: list[Any] = [
    7, [], None, {}, {"manifests": 7}, {"manifests": [7]}, {"manifests": [{"digest": "sha256:../../etc/passwd"}]},
    {"manifests": [{"digest": 7, "platform": 7}]}, {"layers": 7, "config": 7}, {"layers": [7], "config": {}},
    {"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": 7},
    {"manifests": [{"platform": {"architecture": [], "variant": 7, "os": {}}}, {}]},
]  # fmt: skip


@pytest.mark.parametrize("document", HOSTILE_DOCUMENTS, ids=json.dumps)
def test_an_invalid_image_manifest(document: Any, layout: HandMade) -> None:
    reference = layout.name(layout.blob(json.dumps(document).encode()))
    own = json.loads((layout.folder / "index.json").read_text())
    for index in (own, document, {"manifests": [{"annotations": document}, {}]}):
        (layout.folder / "index.json").write_text(json.dumps(index))
        with pytest.raises(PackageCacheError), source_image(reference):
            pass


def test_more_layers_than_any_container_has(layout: HandMade) -> None:
    empty: list[Tree] = [{} for _ in range(1000)]
    reference = layout.named(base(), *empty, compression="")
    with pytest.raises(PackageCacheError) as caught, source_image(reference):
        pass
    assert (caught.value.message, caught.value.hint) == (
        f"cannot read the image {reference}: it has 1001 layers, more than 1000",
        "if you trust it, raise the bound image-layers: PACKAGE_CACHE_BOUNDS=image-layers=4000",
    )


@pytest.mark.parametrize("cut", [20, 200, 1500])
def test_a_layer_that_is_cut_short_is_not_unpacked(cut: int, layout: HandMade, containment: Isolation) -> None:
    descriptor = layout.blob(gzip.compress(os.urandom(3000), mtime=0)[:cut])
    reference = layout.named(layout.place(descriptor).read_bytes(), compression="")
    with source_image(reference) as opened, pytest.raises(PackageCacheError, match="layer"):
        image_root(opened, state=layout.folder.with_name("state"), isolation=containment)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("oci:", "does not say where"),
        ("an image", "write docker://"),
        ("docker-archive:job.tar", "write docker://.*, or oci-archive:"),
        ("", "write docker://"),
        ("oci:LAYOUT", "there are: one, two"),
        ("oci:LAYOUT:three", "there are: one, two"),
    ],
)
def test_what_is_no_image(reference: str, said: str, layout: HandMade) -> None:
    for tag in ("one", "two"):
        layout.named(base(package(tag)), tag=tag)
    with pytest.raises(UsageError, match=said), source_image(reference.replace("LAYOUT", str(layout.folder))):
        pass


@pytest.mark.system
def test_a_product_root_as_an_image(
    product_root: Callable[..., Path], real_cache: CacheFolder, containment: Isolation, tmp_path: Path, layout: HandMade
) -> None:
    root = product_root("ubuntu18.04", upgraded=False)
    archive_root(root, tmp_path / "root.tar", containment)
    reference = layout.named((tmp_path / "root.tar").read_bytes(), compression="")
    with source_image(reference) as image:
        by_image = check([], real_cache, seen_in_files("it", image.files()))
    by_root = check([], real_cache, seen_in_files("it", RootFiles(root)))
    assert by_image == by_root
    assert {item.prediction for item in by_root.verdicts} == {Prediction.HIT}
