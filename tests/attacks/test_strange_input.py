"""What strangers write where a name, a number or a document is due: an error or a result, never a traceback.

In images, each of which holds one thing that no honest image holds; in signed lists; in manifests of a pull request.
"""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.attacks.terminal import CLEAR, assert_told, obeyed
from tests.check.layouts import STATUS, HandMade, Tree, base, package
from tests.faults.spread import spread
from tests.installer.synthetic import SyntheticCache
from tests.support.archive import _Entry
from tests.support.world import World

from package_cache.cli.main import run
from package_cache.exit_codes import ExitStatus
from package_cache.oci.reader import source_image

Say = Callable[..., tuple[int, str, str]]
DPKG = STATUS.format(architecture="amd64")
UPDATES = "var/lib/dpkg/updates/"
RAW = bytes(range(256))


def odd_members(**members: str) -> bytes:
    """Make a layer of members by names that a file system does not have: written as pax headers."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo("x")
            entry.pax_headers, entry.size = {"path": name}, len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def with_status(status: str | bytes) -> list[Tree | bytes]:
    return [{**base(), "var/lib/dpkg/status": status}]


def with_release(text: str | bytes) -> list[Tree | bytes]:
    return [{**base(), "usr/lib/os-release": text}]


def with_update(name: str) -> list[Tree | bytes]:
    return [base(), odd_members(**{UPDATES + name: "Package: x\n"})]


TREES: dict[str, list[Tree | bytes]] = {
    "a journal with NUL in its name": with_update("0\0001"),
    "a journal of 3,000 characters": with_update("0" * 3000),
    "a journal with a line end in its name": with_update("0\n1"),
    "a journal with a sign of a terminal": with_update("0" + CLEAR),
    "a journal whose name is no UTF-8": with_update("0\udcff"),
    "a journal of many bytes": with_update("0" + "\U0001f600" * 60),
    "a journal that is a folder": [{**base(), f"{UPDATES}0001": None}],
    "a journal that is a link": [{**base(), f"{UPDATES}0001": "-> /etc/passwd"}],
    "a version that leads out of its folder": with_status(DPKG + package("evil", "1.0_../../x")),
    "a version of dpkg that does": with_status(DPKG.replace("1.19.0.5", "1.0_../../x")),
    "a version of 3,000 characters": with_status(DPKG + package("evil", "1" * 3000)),
    "a version that is an option": with_status(DPKG + package("wanted", "--help")),
    "a name that is a path": with_status(DPKG + package("../../evil")),
    "a name with a sign of a terminal": with_status(DPKG + package("evil" + CLEAR)),
    "a name of 3,000 characters": with_status(DPKG + package("e" * 3000)),
    "a dependency with a sign of a terminal": with_status(DPKG + package("other", Depends="more" + CLEAR)),
    "a source with a sign of a terminal": with_status(DPKG + package("other", Source=f"{CLEAR} (1.0_../x)")),
    "an architecture with a sign of a terminal": with_status(STATUS.format(architecture=CLEAR)),
    "an architecture that is a path": with_status(STATUS.format(architecture="../x")),
    "a status that is NUL": with_status("\0" * 1000),
    "a status that is no text": with_status(RAW * 100),
    "a status of one long line": with_status("Package: " + "x" * 2_000_000),
    "a status that is empty": with_status(""),
    "a status that is a folder": [{**base(), "var/lib/dpkg/status": None}],
    "a list of architectures that is none": [{**base(), "var/lib/dpkg/arch": f"amd64\n{CLEAR}\n../x\n{'a' * 3000}\n"}],
    "marks that are no text": [{**base(), "var/lib/apt/extended_states": RAW}],
    "a release with NUL": with_release("ID=ubuntu\0\nVERSION_ID=18.04\n"),
    "a release with a sign of a terminal": with_release(f"ID={CLEAR}\nVERSION_ID=18.04\n"),
    "a release that is a path": with_release("ID=../../x\nVERSION_ID=1\n"),
    "a release of 3,000 characters": with_release(f"ID={'a' * 3000}\nVERSION_ID=1\n"),
    "a release like another one": with_release(f'ID=mint\nVERSION_ID=1\nID_LIKE="ubuntu{CLEAR}"\n'),
    "a release that is no text": with_release(RAW),
    "a release that is a folder": [{**base(), "usr/lib/os-release": None}],
}

Change = Callable[[dict[str, Any]], object]

VALUES: dict[str, Any] = {
    "a list": [], "a number": 7, "nothing": None, "a sign of a terminal": CLEAR, "a table": {"a": 1},
    "a huge number": 10**400, "no number": float("nan"), "a switch": True, "NUL": "a\0b", "half a pair": "\ud800",
    "3,000 characters": "a" * 3000, "a line of its own": "x\nerror: all is well",
}  # fmt: skip
"""Of any type, for a place in JSON where another one is due."""

CONFIGURATIONS: dict[str, bytes] = {
    "nested deeply": b"[" * 100_000,
    "tables nested deeply": b'{"a":' * 100_000,
    "a number of 5,000 digits": b'{"architecture":' + b"9" * 5000 + b"}",
    "no text": RAW,
    "UTF-16": '{"architecture":"amd64"}'.encode("utf-16"),
    "a key twice": b'{"architecture":"amd64","architecture":"\\u001b[2J"}',
    "a list": b"[]",
    "nothing": b"",
}


def write_tree(folder: Path, which: str) -> str:
    """Write an image of `TREES`; give its reference."""
    layout = HandMade(folder)
    return layout.name(layout.image(TREES[which]))


def write_documents(
    folder: Path, *, config: bytes | None = None, manifest: Change | None = None, index: Change | None = None,
    top: Change | None = None,
) -> str:  # fmt: skip
    """Write an image whose configuration is replaced, or whose documents are changed; give its reference."""
    layout = HandMade(folder)
    image = layout.image([base()])
    document = json.loads(layout.place(image).read_bytes())
    if config is not None:
        document["config"] |= layout.blob(config)
    if manifest is not None:
        manifest(document)
    image |= layout.blob(json.dumps(document).encode())
    if index is not None:
        entries = {"schemaVersion": 2, "manifests": [image, dict(image)]}
        index(entries)
        image = {"mediaType": "application/vnd.oci.image.index.v1+json", **layout.blob(json.dumps(entries).encode())}
    reference = layout.name(image)
    if top is not None:
        place = folder / "index.json"
        named = json.loads(place.read_bytes())
        top(named)
        place.write_text(json.dumps(named))
    return reference


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
def say(cache: SyntheticCache, capfd: pytest.CaptureFixture[str]) -> Say:
    """Check the cache's groups, and see that nothing of it reaches a terminal as more than text."""

    def said(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run(["check", "--cache", str(cache.path), *words])
        out, err = capfd.readouterr()
        assert_told(out + err)
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
def test_a_lock_for_an_image_of_a_stranger(which: str, world: World, tmp_path: Path) -> None:
    world.manifest("tools,ubuntu18.04,editor\n")
    world.once("locked: editor", lambda: world.online("lock"))
    before = (world.folder / "package-cache.lock").read_bytes()
    status, out, err = world.online("lock", "--for", write_tree(tmp_path / "image", which))
    assert_told(out + err)
    if status:
        assert err.startswith("error: cannot ")
        assert (world.folder / "package-cache.lock").read_bytes() == before
    else:
        assert world.build()[0] == 0


FIELDS = {
    "a version that leads out of its folder": {"Version": "1.0_../../x"},
    "a version with a character that no version has": {"Version": "1.0!x"},
    "a version without a number": {"Version": "abc"},
    "a version of 3,000 characters": {"Version": "1." + "0" * 3000 + "!"},
    "a version that is an option": {"Version": "-o1"},
    "a version with a sign of a terminal": {"Version": "1.0\x1b[2J"},
    "an architecture with a slash": {"Architecture": "all", "Package": "evil/x"},
    "a size that is no number": {"Size": "many"},
    "a size that is negative": {"Size": "-5"},
    "a size beyond every file": {"Size": "9" * 30},
    "a size of 6,000 digits": {"Size": "9" * 6000},
    "a size of nothing": {"Size": "0"},
    "a hash that is none": {"SHA256": "x" * 64},
    "a hash that is short": {"SHA256": "ab"},
    "a hash that leads out of its folder": {"SHA256": "../../" + "a" * 58},
    "a path that leads out of the repository": {"Filename": "../../../etc/passwd"},
    "a path that is absolute": {"Filename": "/etc/passwd"},
    "a path with a sign of a terminal": {"Filename": "pool/\x1b[2J.deb"},
    "a path with a change of direction": {"Filename": "pool/\u202e.deb"},
    "a path of 5,000 characters": {"Filename": "pool/" + "x" * 5000 + ".deb"},
    "no path": {"Filename": ""},
    "a dependency with a sign of a terminal": {"Depends": "more\x1b[2J\x9b"},
    "a dependency that is no name": {"Depends": "!!"},
}


def list_as(world: World, name: str, **fields: str) -> None:
    """List a package whose paragraph has these fields."""
    paragraph = {
        "Package": name, "Version": "1.0", "Architecture": "all", "Filename": f"pool/{name}.deb", "Size": "100",
        "SHA256": "a" * 64, "Description": "x", **fields,
    }  # fmt: skip
    text = "".join(f"{key}: {value}\n" for key, value in paragraph.items() if value)
    world.archive._entries.append(_Entry("bionic", "main", "all", text))
    world.archive.publish()


@pytest.mark.parametrize("which", FIELDS)
def test_a_list_that_no_lock_can_repeat(which: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signed list that says what no honest one says: an error, and no lock."""
    monkeypatch.setattr("package_cache.apt.isolated.PAUSES", (0.0,))
    list_as(world, "evil", **FIELDS[which])
    world.manifest("tools,ubuntu18.04,evil\n")
    status, out, err = world.online("lock")
    assert status not in (0, ExitStatus.INTERNAL.code)
    assert err.startswith("error: cannot ")
    assert obeyed(out + err) == []
    assert not (world.folder / "package-cache.lock").exists()


WORDS = {
    "NUL": "a\0b", "a sign of a terminal": "\x1b[2J", "5,000 characters": "a" * 5000, "a folder": "/tmp",
    "a line end": "a\nb", "far up": "../" * 2000, "a change of direction": "\u202ea", "an option": "--help",
    "nothing": "",
}  # fmt: skip
GROUP = '[[group]]\nname = "tools"\nsystems = ["ubuntu18.04"]\npackages = ["editor"]\n'
TABLES = {
    "a root": "[[image]]\nname = 'i'\nroot = {0}\n",
    "a status file": "[[image]]\nname = 'i'\nstatus = {0}\nsystem = 'ubuntu18.04'\n",
    "a reference": "[[image]]\nname = 'i'\nreference = {0}\n",
    "a layout": "[[image]]\nname = 'i'\nreference = {oci:}\n",
    "an archive": "[[image]]\nname = 'i'\nreference = {oci-archive:}\n",
    "a registry": "[[image]]\nname = 'i'\nreference = {docker://}\n",
    "the name of an image": "[[image]]\nname = {0}\nroot = '/nowhere'\n",
    "a system": "[[image]]\nname = 'i'\nstatus = '/etc/hostname'\nsystem = {0}\n",
    "an architecture": "[[image]]\nname = 'i'\nreference = 'oci:x'\narchitecture = {0}\n",
    "a repository": "[[repository]]\nname = 'r'\nuri = {0}\nsuite = {0}\ncomponents = [{0}]\nkey = {0}\n",
    "a mirror": "[mirrors]\nubuntu = {0}\n",
    "a pin": "[[pin]]\npackage = {0}\nversion = {0}\n",
    "a provided file": "[[group]]\nname = 'g'\nsystems = ['ubuntu18.04']\npackages = ['x']\nprovides = [{0}]\nx = 1\n",
}


@pytest.mark.parametrize("value", WORDS)
@pytest.mark.parametrize("place", TABLES)
def test_a_word_that_is_none(place: str, value: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = TABLES[place]
    for prefix in ("oci:", "oci-archive:", "docker://"):
        text = text.replace(f"{{{prefix}}}", json.dumps(prefix + WORDS[value]))
    path = tmp_path / "package-cache.toml"
    path.write_text(GROUP + text.replace("{0}", json.dumps(WORDS[value])))
    (tmp_path / "cache/groups/tools-ubuntu18.04").mkdir(parents=True)
    status = run(["check", "--manifest", str(path), "--cache", str(tmp_path / "cache")])
    out, err = capfd.readouterr()
    assert status != 0
    assert_told(out + err)
