"""What strangers write where a name, a number or a document is due: an error or a result, never a traceback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.strange_images import CONFIGURATIONS, TREES, VALUES, write_documents, write_tree
from tests.check.layouts import HandMade, base
from tests.faults.spread import spread
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.world import made_world

from package_cache.cli.main import run
from package_cache.oci.reader import source_image

Say = Callable[..., tuple[int, str, str]]
TAG = "org.opencontainers.image.ref.name"

PLACES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "the architecture of a configuration": lambda value: {"config": json.dumps({"architecture": value}).encode()},
    "a configuration": lambda value: {"config": json.dumps(value).encode()},
    "layers": lambda value: {"manifest": lambda it: it.update(layers=value)},
    "a layer": lambda value: {"manifest": lambda it: it.update(layers=[value])},
    "a digest": lambda value: {"manifest": lambda it: it["layers"][0].update(digest=value, size=value)},
    "a media type": lambda value: {"manifest": lambda it: it.update(mediaType=value)},
    "a descriptor": lambda value: {"manifest": lambda it: it.update(config=value)},
    "images of an index": lambda value: {"index": lambda it: it.update(manifests=value)},
    "a platform": lambda value: {"index": lambda it: it["manifests"][0].update(platform=value)},
    "an architecture of an index": lambda value: {
        "index": lambda it: [one.update(platform={"architecture": value, "variant": value}) for one in it["manifests"]]
    },
    "a tag": lambda value: {
        "top": lambda it: it.update(manifests=[{**it["manifests"][0], "annotations": {TAG: value}}] * 2)
    },
    "annotations": lambda value: {"top": lambda it: it["manifests"][0].update(annotations=value)},
}


@pytest.fixture
def cache(tmp_path: Path) -> SyntheticCache:
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("tools", ["wanted"], [make_deb(tmp_path / "debs", "wanted")])
    return cache


@pytest.fixture
def say(cache: SyntheticCache, capfd: pytest.CaptureFixture[str]) -> Say:
    """Check the cache's groups, and see that nothing of it reaches a terminal as more than text."""

    def said(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run(["check", "--cache", str(cache.path), *words])
        out, err = capfd.readouterr()
        assert [sign for sign in out + err if not sign.isprintable() and sign != "\n"] == []
        assert "Traceback" not in err
        assert "report this" not in err
        assert err == "" or err.startswith("error: cannot ")
        return status, out, err

    return said


@pytest.mark.parametrize("which", TREES)
def test_an_image_of_a_stranger(which: str, say: Say, tmp_path: Path) -> None:
    reference = write_tree(tmp_path / "image", which)
    status, *_ = say("--image", reference)
    again, out, _ = say("--image", reference, "--json")
    assert (again, json.loads(out)["status"]) == (status, status)


@pytest.mark.parametrize("place", PLACES)
def test_a_value_of_another_type(place: str, say: Say, tmp_path: Path) -> None:
    for number, value in enumerate(VALUES.values()):
        say("--image", write_documents(tmp_path / f"image-{number}", **PLACES[place](value)))


@pytest.mark.parametrize("which", CONFIGURATIONS)
def test_a_configuration_that_is_none(which: str, say: Say, tmp_path: Path) -> None:
    say("--image", write_documents(tmp_path / "image", config=CONFIGURATIONS[which]))


def test_a_tag_adds_no_line_of_its_own(say: Say, tmp_path: Path) -> None:
    _, _, err = say("--image", write_documents(tmp_path / "image", **PLACES["a tag"]("x\nerror: all is well")))
    assert "\nerror: all is well" not in err


def matrix(folder: Path, references: dict[str, str]) -> str:
    """Write a manifest whose images these are, and a good one behind them."""
    layout = HandMade(folder / "good")
    good = layout.name(layout.image([base()]))
    tables = [
        f'[[image]]\nname = "image-{number}"\nreference = {json.dumps(reference.replace(f"{folder}/", ""))}\n'
        for number, reference in enumerate([*references.values(), good])
    ]
    group = '[[group]]\nname = "tools"\nsystems = ["ubuntu18.04"]\npackages = ["wanted"]\n'
    path = folder / "package-cache.toml"
    path.write_text("\n".join([group, *tables]))
    return str(path)


def test_no_strange_image_ends_the_matrix(say: Say, tmp_path: Path) -> None:
    strange = {which: write_tree(tmp_path / f"tree-{number}", which) for number, which in enumerate(TREES)}
    for number, which in enumerate(CONFIGURATIONS):
        strange[which] = write_documents(tmp_path / f"config-{number}", config=CONFIGURATIONS[which])
    path = matrix(tmp_path, strange)
    _, out, _ = say("--manifest", path)
    assert len([line for line in out.splitlines() if line.startswith("image-")]) >= len(strange) + 1
    _, out, _ = say("--manifest", path, "--json")
    rows = json.loads(out)["result"]["images"]
    assert (len(rows), rows[-1]["status"]) == (len(strange) + 1, 0)


@pytest.mark.parametrize(
    "error", [ValueError("no\x1b[2J"), OSError(5, "no"), KeyError("x"), RecursionError()], ids=repr
)
def test_an_error_that_nobody_foresaw_is_a_row(
    error: Exception,
    cache: SyntheticCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    bad = write_tree(tmp_path / "bad", "a status that is empty")
    path = matrix(tmp_path, {"bad": bad})

    def fail(reference: str, **options: Any) -> Any:
        if reference == bad:
            raise error
        return source_image(reference, **options)

    monkeypatch.setattr("package_cache.check.target.source_image", fail)
    status = 42 if isinstance(error, OSError) else 1  # EIO: a disk that fails is no fault of ours
    assert run(["check", "--manifest", path, "--cache", str(cache.path), "--json"]) == status
    first, last = json.loads(capfd.readouterr().out)["result"]["images"]
    assert first["error"]["message"].startswith("cannot check image-0: ")
    assert last["status"] == 0


@pytest.mark.parametrize("which", spread(list(TREES), 12))
def test_a_lock_for_an_image_of_a_stranger(which: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with made_world(tmp_path, capfd) as world:
        world.manifest("tools,ubuntu18.04,editor\n")
        world.once("locked: editor", lambda: world.online("lock"))
        before = (world.folder / "package-cache.lock").read_bytes()
        status, out, err = world.online("lock", "--for", write_tree(tmp_path / "image", which))
        assert [sign for sign in out + err if not sign.isprintable() and sign != "\n"] == []
        assert "Traceback" not in err
        assert "report this" not in err
        if status:
            assert err.startswith("error: cannot ")
            assert (world.folder / "package-cache.lock").read_bytes() == before
        else:
            assert world.build()[0] == 0
