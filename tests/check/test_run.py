"""`check --run` installs in a disposable copy and records the result in the cache."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.check.layouts import HandMade, Tree
from tests.support.roots import remove_root
from tests.support.world import World, made_world

from package_cache.cache.layout import CacheFolder
from package_cache.cache.proofs import read_proofs
from package_cache.oci.reader import source_image
from package_cache.oci.unpack import image_root
from package_cache.sandbox.bootstrap import archive_root
from package_cache.sandbox.isolation import Isolation


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        made.once("a package that fails", lambda: build_what_fails(made))
        yield made


def build_what_fails(world: World) -> None:
    world.add("failing", scripts={"postinst": "echo the disk of this machine is blue; exit 1"})
    world.manifest("edit,ubuntu18.04,editor\nfail,ubuntu18.04,failing\n")
    assert world.build()[0] == 0


def test_a_root(world: World, product_root: Callable[..., Path]) -> None:
    root, cache = product_root("ubuntu18.04"), ["--cache", str(world.cache)]
    before = sorted((root / "var/lib/dpkg/info").iterdir())
    status, out, err = world.run("check", *cache, "--root", str(root), "--run", "edit")
    assert (status, err) == (0, "")
    assert out.endswith("\nedit: trial installation: status 0, as predicted: 2 packages installed\n")
    status, out, _ = world.run("check", *cache, "--root", str(root), "--run")
    assert status == 50
    assert "fail: trial installation: status 50, NOT as predicted: dpkg or a package's own script" in out
    assert sorted((root / "var/lib/dpkg/info").iterdir()) == before

    listed = {group["name"]: group["proofs"] for group in world.json("list", *cache)["result"]["groups"]}
    assert [(proof["status"], proof["installed"], proof["agreed"]) for proof in listed["edit"]] == [(0, 2, True)]
    assert [(proof["status"], proof["installed"], proof["agreed"]) for proof in listed["fail"]] == [(50, 0, False)]
    assert f"edit for ubuntu18.04: trial installation succeeded in {root} on amd64, 2" in world.run("list", *cache)[1]
    assert f"\ntrial installation failed with status 50 in {root} on amd64, 2" in world.run("show", "fail", *cache)[1]
    assert world.run("verify", *cache)[0] == 0
    assert "up to date" in world.build()[1]
    assert world.run("stage", "edit", *cache, "--to", str(world.folder / "volume"))[0] == 0
    assert not (world.folder / "volume/proofs.json").exists()
    layout = f"oci:{world.folder}/layout:v1"
    assert world.run("image", *cache, "--output", layout, "--state", str(world.folder / "state"))[0] == 0


def test_an_image(world: World, product_root: Callable[..., Path], containment: Isolation, tmp_path: Path) -> None:
    archive_root(product_root("ubuntu18.04"), tmp_path / "root.tar", containment)
    layout = HandMade(tmp_path / "job")
    image = layout.image([(tmp_path / "root.tar").read_bytes(), {"usr/bin/.wh.apt-get": ""}, {"x": ""}], compression="")
    good = layout.image([(tmp_path / "root.tar").read_bytes(), {"opt/x": ""}], compression="")
    words = ["check", "edit", "--cache", str(world.cache), "--state", str(world.folder / "state"), "--run", "--image"]
    assert world.json(*words, layout.name(good, "good"))["result"]["groups"][0]["run"] == {
        "group": "edit", "status": 0, "installed": 2, "agreed": True, "message": "2 packages installed",
        "method": "dpkg",
    }  # fmt: skip
    answer = world.json(*words, layout.name(image, "bad"))
    assert (answer["status"], answer["result"]["groups"][0]["run"]["agreed"]) == (21, True)
    digests = {proof.digest: proof.status for proof in read_proofs(CacheFolder(world.cache))}
    assert digests == {good["digest"]: 0, image["digest"]: 21}
    for root in (world.folder / "state/roots").glob("*/root"):
        remove_root(root, containment)


LAYERS: list[Tree] = [
    {"d/gone": "1", "d/stays": "1", "o/old": "1", "file": "1", "folder/x": "1", "link": "-> d", "abs": "-> /d"},
    {"d/.wh.gone": "", "o/new": "2", "o/.wh..wh..opq": "", "file/now": "2", "folder": "2", "hard": "= o/new",
     "run.sh": "#!2", "../../above": "2"},
    {"link/alone": "3", "abs/.wh.x": "", "o/new": "3", "own": "-> d", "own/through": "3", "d/first": "3",
     "d/second": "= own/first"},
]  # fmt: skip


def test_layers_upon_each_other(tmp_path: Path, layout: HandMade, containment: Isolation) -> None:
    (tmp_path / "above").write_text("ours")
    with source_image(layout.name(layout.image(LAYERS))) as image:
        root = image_root(image, state=tmp_path / "state", isolation=containment)
        assert image_root(image, state=tmp_path / "state", isolation=containment) == root
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}
    contents = {name: path.read_text() for name, path in found.items() if not path.is_symlink()}
    assert contents == {
        "d/stays": "1", "d/through": "3", "link/alone": "3", "o/new": "3", "file/now": "2", "folder": "2", "hard": "2",
        "run.sh": "#!2", "above": "2", "d/first": "3", "d/second": "3",
    }  # fmt: skip
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o755
    assert (root / "own").readlink() == Path("d")
    assert list((root / "abs").iterdir()) == []  # as overlayfs shows it: no link of a lower layer is followed
    remove_root(root, containment)


def test_a_link_out_of_the_root_leads_nowhere(tmp_path: Path, layout: HandMade, containment: Isolation) -> None:
    (outside := tmp_path / "outside").mkdir()
    (outside / "kept").write_text("ours")
    layers: list[Tree] = [{"out": f"-> {outside}", "up": "-> ../../../../../../.."},
                          {"out/kept": "theirs", "up/there": "theirs"}, {"out/.wh.kept": ""},
                          {"in": f"-> {outside}", "in/kept": "theirs", "in/.wh.kept": ""}]  # fmt: skip
    with source_image(layout.name(layout.image(layers))) as image:
        try:
            remove_root(image_root(image, state=tmp_path / "state", isolation=containment), containment)
        except Exception as error:
            assert "cannot unpack the layer" in str(error)
    assert (outside / "kept").read_text() == "ours"
    assert not Path("/there").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '{"format": 1, "proofs": [{"group": "../x"}]}'])
def test_an_unreadable_file_of_proofs_is_ignored(content: str, world: World) -> None:
    (world.cache / "proofs.json").write_text(content)
    assert read_proofs(CacheFolder(world.cache)) == ()
    assert world.run("list", "--cache", str(world.cache))[0] == 0
    assert "up to date" in world.build()[1]


def test_a_proof_of_another_group_proves_nothing(world: World, product_root: Callable[..., Path]) -> None:
    words = ["check", "edit", "--cache", str(world.cache), "--root", str(product_root("ubuntu18.04")), "--run"]
    assert world.run(*words)[0] == 0
    kept: Any = json.loads((world.cache / "proofs.json").read_text())
    kept["proofs"][0]["release"] = "0" * 64
    (world.cache / "proofs.json").write_text(json.dumps(kept))
    assert read_proofs(CacheFolder(world.cache)) == ()
    assert world.run(*words)[0] == 0
    assert len(read_proofs(CacheFolder(world.cache))) == 1
