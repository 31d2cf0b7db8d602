"""What an image's os-release says decides the same, in the same words, in the installer and in `check`."""

from collections.abc import Callable
from pathlib import Path

from tests.check.conftest import OpenRoom
from tests.check.layouts import HandMade, base
from tests.check.os_releases import ETC, LIB, ROWS
from tests.installer.synthetic import Room, SyntheticCache

from package_cache.cache.layout import CacheFolder
from package_cache.outside.images.source import source_image
from package_cache.outside.images.system_files import RootFiles
from package_cache.values.verdict import Prediction, Verdict
from package_cache.verbs.checking.check import SeenSystem, check, seen_in_files


def _put(room: Room, files: dict[str, str]) -> None:
    for name in (ETC, LIB):
        room.sh(f"rm -f /{name}")
    for name, text in files.items():
        if text.startswith("-> "):
            room.sh(f"ln -s '{text[3:]}' /{name}")
        else:
            room.container.path(f"/{name}").write_bytes(text.encode())


def _verdict(cache: Path, seen: SeenSystem) -> Verdict:
    (verdict,) = check(["plain"], CacheFolder(cache), seen).verdicts
    return verdict


def test_an_image_is_matched_or_refused_with_the_reason(
    small_cache: Callable[[str], tuple[SyntheticCache, Path]], open_room: OpenRoom, tmp_path: Path
) -> None:
    cache, _ = small_cache("ubuntu18.04")
    room = open_room("ubuntu18.04", cache.path, {})
    layout = HandMade(tmp_path / "image")
    below = {name: content for name, content in base().items() if name not in (ETC, LIB)}
    for number, (name, row) in enumerate(ROWS.items()):
        _put(room, row.files)
        by_root = _verdict(cache.path, seen_in_files("a root", RootFiles(room.container.root)))
        with source_image(layout.name(layout.image([below, row.files]), str(number))) as image:
            by_image = _verdict(cache.path, seen_in_files("an image", image.files()))
        done = room.install("plain")
        status = 11 if row.cause else 0
        misses = (row.cause, row.step)
        assert (name, done.status, by_root.status.code, by_image.status.code) == (name, status, status, status), done
        assert (name, by_root.message, by_root.next_step) == (name, *misses)
        assert (name, by_image.message, by_image.next_step) == (name, *misses)
        if row.cause:
            assert done.err == (
                f"package-cache: cannot install plain: {row.cause}\n"
                f"package-cache: nothing was changed; next step: {row.step}\n"
            )
        else:
            assert by_image.prediction is Prediction.HIT
    assert room.sh("ls /var/owned 2>&1 || :") == "ls: cannot access '/var/owned': No such file or directory\n"


def test_what_dpkg_takes_no_packages_of(
    small_cache: Callable[[str], tuple[SyntheticCache, Path]], open_room: OpenRoom
) -> None:
    cache, _ = small_cache("ubuntu18.04")
    room = open_room("ubuntu18.04", cache.path, {})
    before = room.map()
    seen = seen_in_files("a root", RootFiles(room.container.root))
    (verdict,) = check(["foreign"], CacheFolder(cache.path), seen).verdicts
    cause = "dpkg takes no packages of i386 here, such as foreign"
    step = "run dpkg --add-architecture i386 when the image is made"
    assert (verdict.status.code, verdict.message, verdict.next_step) == (13, cause, step)
    done = room.install("foreign")
    assert (done.status, done.out, done.err) == (
        13, "",
        f"package-cache: cannot install foreign: {cause}\npackage-cache: nothing was changed; next step: {step}\n",
    )  # fmt: skip
    assert room.map() == before
