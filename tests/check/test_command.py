"""`check` on the command line: a table for people, data for programs, an exit status for CI.

Of one system, and of the `[[image]]` tables of a manifest: each image with its groups, in one table.
"""

import json
import threading
from pathlib import Path

import pytest
from tests.check.conftest import Command
from tests.check.layouts import HandMade, base, package, write_root
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.world import printed, refused, toml_group

from package_cache.cache.layout import INSTALLER, LOCK, CacheFolder, group_folder
from package_cache.check import prediction
from package_cache.check.prediction import check
from package_cache.check.target import seen_in_files
from package_cache.check.verdict import Prediction
from package_cache.errors import PackageCacheError
from package_cache.filesystem.paths import exclusive
from package_cache.oci.system_files import RootFiles


@pytest.fixture
def cache(tmp_path: Path) -> SyntheticCache:
    cache, debs = SyntheticCache(tmp_path / "cache"), tmp_path / "debs"
    needed = make_deb(debs, "needed", "2.0")
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="needed (= 2.0)"), needed])
    cache.add("fight", ["fighter"], [make_deb(debs, "fighter", Conflicts="enemy")])
    cache.add("deep", ["deep"], [make_deb(debs, "deep", depends="middle"),
                                 make_deb(debs, "middle", depends="bottom (>= 7)")])  # fmt: skip
    return cache


@pytest.fixture
def say(command: Command, tmp_path: Path) -> Command:
    """Check groups against a dpkg status of these paragraphs."""

    def checked(groups: str, *paragraphs: str, more: str = "") -> tuple[int, str, str]:
        (tmp_path / "status").write_text(str(base(*paragraphs)["var/lib/dpkg/status"]))
        words = f"{groups} --status {tmp_path}/status --system ubuntu18.04 {more}"
        code, out, err = command(*words.split())
        return code, out.replace(str(tmp_path), ""), err

    return checked


def test_a_table_for_people(say: Command) -> None:
    assert say("", package("deep")) == (
        0,
        "/status: ubuntu18.04 amd64\n"
        "group   result          packages     size\n"
        "─────────────────────────────────────────\n"
        "deep    already there          0      0 B\n"
        "fight   hit                    1    672 B\n"
        "tools   hit                    2   1.3 kB\n",
        "",
    )


def test_a_miss_names_the_needed_and_the_installed_version(say: Command) -> None:
    code, out, _ = say("tools", package("needed", "3.0"))
    assert code == 13
    assert out.endswith(
        "\ntools: the packages here and those of the cache cannot be combined\n"
        "    wanted needs needed (= 2.0): 3.0 is here\n"
        "    next step: lock for this image as well (lock --for), or use the fallback of this image\n"
    )
    assert "tools   miss: no-plan (13)" in out


def test_data_for_programs(say: Command) -> None:
    code, out, err = say("tools deep nothing", more="--json")
    answer = json.loads(out)
    assert (code, err, answer["status"], answer["reason"]) == (13, "", 13, "no-plan")
    tools, deep, nothing = answer["result"]["groups"]
    size = sum(item["size"] for item in tools["packages"])
    assert (tools["prediction"], tools["status"], tools["bytes"]) == ("hit", 0, size)
    assert [item["name"] for item in tools["packages"]] == ["needed", "wanted"]
    text = "middle needs bottom (>= 7): it is not here, and the group has none either"
    reason = {"obstacle": "not to be had", "package": "middle", "needs": "bottom (>= 7)", "here": "", "text": text}
    assert deep["reasons"][0] == reason
    assert (nothing["status"], nothing["reason"]) == (10, "no-such-group")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--root / --status status --system ubuntu18.04", "name one system to check"),
        ("--root / --system ubuntu18.04", "--system ubuntu18.04"),
        ("--status status --system ubuntu18.04 --architecture arm64", "the architecture of its dpkg is amd64"),
        ("--root / --architecture a;b", "'a;b' is not an architecture"),
        ("--status status --system ubuntu18.04 -- ../tools", "not a valid group name"),
    ],
)
def test_wrong_use(words: str, said: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "status").write_text(str(base()["var/lib/dpkg/status"]))
    refused(command(*words.split()), 2, said)


def test_no_cache(command: Command, tmp_path: Path) -> None:
    root = write_root(tmp_path / "root")
    refused(command("--cache", str(tmp_path / "none"), "--root", str(root)), 30, "there is no cache at")


def test_control_characters_of_the_checked_system_are_escaped(say: Command) -> None:
    out = say("tools", package("evil\x1b[2J", status="install ok half-installed"))[1]
    assert "\x1b" not in out
    assert "near line" in out


def test_a_group_that_a_writer_is_about_to_replace(cache: SyntheticCache, tmp_path: Path) -> None:
    folder = CacheFolder(cache.path)
    aside = tmp_path / "aside"
    (folder.path / group_folder("tools", "ubuntu18.04")).rename(aside)
    seen = seen_in_files("it", RootFiles(write_root(tmp_path / "root")))
    with exclusive(folder.path / LOCK):
        timer = threading.Timer(0.5, aside.rename, [folder.path / group_folder("tools", "ubuntu18.04")])
        timer.start()
        (verdict,) = check(["tools"], folder, seen).verdicts
        timer.join()
    assert verdict.prediction is Prediction.HIT


def test_a_status_file_that_is_too_large(command: Command, tmp_path: Path) -> None:
    status = tmp_path / "status"
    with status.open("wb") as file:
        file.truncate((32 << 20) + 1)
    assert command("--status", str(status), "--system", "ubuntu18.04") == (
        2,
        "",
        f"error: cannot check {status}: has more than 33554432 bytes; "
        "if you trust it, raise the bound system-file-bytes: PACKAGE_CACHE_BOUNDS=system-file-bytes=134217728\n",
    )


@pytest.fixture
def filed(cache: SyntheticCache, tmp_path: Path) -> SyntheticCache:
    """A cache with a group that provides files."""
    deb = make_deb(tmp_path / "debs", "filed", files={"/usr/bin/filed": "#!/bin/sh\n"})
    cache.add("filed", ["filed"], [deb], provides=["/../../outside", "/usr/share/filed", "/usr/bin/filed"])
    return cache


def predicted(cache: SyntheticCache, root: Path, group: str) -> tuple[Prediction, str]:
    (verdict,) = check([group], CacheFolder(cache.path), seen_in_files("it", RootFiles(root))).verdicts
    return verdict.prediction, verdict.message


def test_a_provided_file_never_leads_out_of_the_root(
    filed: SyntheticCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_root(tmp_path / "root", package("filed"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert predicted(filed, root, "filed")[0] is Prediction.MISS
    (root / "usr/share/filed").mkdir(parents=True)
    (root / "usr/bin/filed").symlink_to("/bin/sh")  # of this machine, not of the root
    (root / "outside").touch()
    told = "apt finds nothing to install, but the file /usr/bin/filed is not there"
    assert predicted(filed, root, "filed") == (Prediction.MISS, told)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not (tmp_path / "outside").exists()


def test_the_script_of_a_cache_never_runs_here(cache: SyntheticCache, tmp_path: Path) -> None:
    (cache.path / INSTALLER).write_text(f"touch {tmp_path}/owned; exit 0\n")
    assert predicted(cache, write_root(tmp_path / "root"), "tools")[0] is Prediction.HIT
    assert not (tmp_path / "owned").exists()


def test_a_database_that_dpkg_refuses(say: Command) -> None:
    told = "\ntools: dpkg cannot read its database: parsing file '/var/lib/dpkg/status' near line"
    printed(say("tools", package("other", version="")), 22, told, "    next step: ")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("statoverride", "root staff 2755 /usr/bin/x\n#0 #0 0755 /usr/bin/y\n", ""),
        ("statoverride", "root gone 2755 /usr/bin/x\n", "statoverride of /usr/bin/x: /etc/group has no gone"),
        ("statoverride", "gone staff 2755 /usr/bin/x\n", "statoverride of /usr/bin/x: /etc/passwd has no gone"),
        ("diversions", "/usr/bin/x\n", "unexpected end of file reading '/var/lib/dpkg/diversions'"),
        ("triggers/File", "nonsense\n", "syntax error in file triggers file '/var/lib/dpkg/triggers/File'"),
        ("info/format", "9\n", "info database format (9) is bogus or too new; try getting a newer dpkg"),
    ],
)
def test_a_dpkg_that_would_refuse_to_start(
    file: str, content: str, said: str, cache: SyntheticCache, tmp_path: Path
) -> None:
    root = write_root(tmp_path / "root")
    files = {f"var/lib/dpkg/{file}": content, "etc/passwd": "root:x:0:\n", "etc/group": "staff:x:50:\n"}
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    prediction, message = predicted(cache, root, "tools")
    assert prediction is (Prediction.MISS if said else Prediction.HIT)
    assert message.endswith(said)


@pytest.mark.parametrize(("script", "said"), [("echo why >&2; exit 3", "status 3 and no result"), ("sleep 9", "1 s")])
def test_an_installer_that_does_not_run_here(
    script: str, said: str, cache: SyntheticCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "install_group", lambda: script)
    monkeypatch.setattr(prediction, "LIMIT", 1.0)
    with pytest.raises(PackageCacheError, match=said):
        predicted(cache, write_root(tmp_path / "root"), "tools")


GROUPS = f"{toml_group('tools', 'wanted')}\n{toml_group('fight', 'fighter')}"


@pytest.fixture
def say_of_images(command: Command, layout: HandMade, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Check the images of a manifest, which stand behind two groups."""
    tmp_path = layout.folder.parent
    monkeypatch.chdir(tmp_path)
    layout.named(base(package("wanted")), tag="v1")
    (tmp_path / "status").write_text(str(base(package("enemy"))["var/lib/dpkg/status"]))

    def checked(images: str, *more: str) -> tuple[int, str, str]:
        (tmp_path / "m.toml").write_text(GROUPS + images)
        return command("--manifest", "m.toml", *more)

    return checked


IMAGES = """
[[image]]
name = "training"
reference = "oci:image:v1"

[[image]]
name = "old"
status = "status"
system = "ubuntu18.04"
groups = ["fight"]

[[image]]
name = "lost"
root = "nowhere"
"""


def test_a_table_of_images_and_groups(say_of_images: Command, tmp_path: Path) -> None:
    status, out, err = say_of_images(IMAGES)
    assert (status, err) == (13, "")
    assert out == (
        "image      system              tools           fight\n"
        "───────────────────────────────────────────────────────────\n"
        "training   ubuntu18.04 amd64   already there   hit\n"
        "old        ubuntu18.04 amd64                   no-plan (13)\n"
        "lost       error (2)\n"
        "\n"
        "old, fight: the packages here and those of the cache cannot be combined\n"
        "    fighter conflicts with enemy: 1.0 is here\n"
        "    next step: lock for this image as well (lock --for), or use the fallback of this image\n"
        "\n"
        f"lost: cannot check {tmp_path}/nowhere: there is no such folder\n"
    )


def test_images_as_data_for_programs(say_of_images: Command, tmp_path: Path) -> None:
    status, out, _ = say_of_images(IMAGES, "--json")
    answer = json.loads(out)
    assert (status, answer["status"], answer["reason"]) == (13, 13, "no-plan")
    training, old, lost = answer["result"]["images"]
    assert [(item["name"], item["prediction"]) for item in training["groups"]] == [
        ("tools", "already there"), ("fight", "hit"),
    ]  # fmt: skip
    assert (training["status"], training["digest"][:7], old["status"], lost["status"]) == (0, "sha256:", 13, 2)
    assert lost["error"]["message"] == f"cannot check {tmp_path}/nowhere: there is no such folder"


def test_all_images_are_well(say_of_images: Command) -> None:
    assert say_of_images('\n[[image]]\nname = "training"\nreference = "oci:image:v1"\n')[0] == 0


def test_all_problems_of_these_tables_at_once(say_of_images: Command) -> None:
    status, _, err = say_of_images(
        """
[[image]]
name = "Old"
reference = "x"
root = "y"
system = "Ubuntu 18.04"

[[image]]
name = "new"
groups = ["tools", "nothing"]
architecture = "AMD64"

[[image]]
name = "new"
status = "s"
image = "x"
"""
    )
    assert status == 3
    assert err.splitlines()[1::2] == [
        "m.toml:12:1: image[0].name: 'Old' is not a name for an image",
        "m.toml:14:1: image[0].root: it has a reference already",
        "m.toml:15:1: image[0].system: 'Ubuntu 18.04' is not an OS release",
        "m.toml:15:1: image[0].system: only a status needs it: the image says it itself",
        "m.toml:17:1: image[1].reference: nothing says where this image is",
        "m.toml:19:20: image[1].groups[1]: there is no group 'nothing' in this manifest",
        "m.toml:20:1: image[1].architecture: 'AMD64' is not an architecture",
        "m.toml:22:1: image[2].system: is missing",
        "m.toml:23:1: image[2].name: image 'new' is there already, on line 18",
        "m.toml:25:1: image[2].image: the key 'image' is unknown",
    ]


def test_wrong_use_of_a_manifest(say_of_images: Command) -> None:
    refused(say_of_images(""), 2, "it has no [[image]] table")
    for words in (["tools"], ["--root", "/"], ["--system", "ubuntu18.04"]):
        refused(say_of_images(IMAGES, *words), 2, "--manifest names the images and groups")
