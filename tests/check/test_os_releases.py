"""What os-release of an image, or of a root, says decides whether a group is for it."""

from pathlib import Path

import pytest
from tests.check.layouts import HandMade, base, write_root
from tests.check.os_releases import ETC, LIB, ROWS
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.cache.layout import CacheFolder
from package_cache.check.prediction import check
from package_cache.check.target import SeenSystem, seen_in_files
from package_cache.check.verdict import Prediction
from package_cache.oci.reader import source_image
from package_cache.oci.system_files import RootFiles


@pytest.fixture
def cache(tmp_path: Path) -> CacheFolder:
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("plain", ["plain"], [make_deb(tmp_path / "debs", "plain")])
    return CacheFolder(cache.path)


def _write(root: Path, files: dict[str, str]) -> None:
    for name in (ETC, LIB):
        (root / name).unlink(missing_ok=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            (root / name).symlink_to(text[3:])
        else:
            (root / name).write_bytes(text.encode())


@pytest.mark.parametrize("name", ROWS)
def test_a_system_is_matched_or_refused_with_the_reason(name: str, cache: CacheFolder, tmp_path: Path) -> None:
    row = ROWS[name]
    root = write_root(tmp_path / "root")
    _write(root, row.files)
    layout = HandMade(tmp_path / "image")
    below = {name: content for name, content in base().items() if name not in (ETC, LIB)}
    with source_image(layout.name(layout.image([below, row.files]))) as image:
        for seen in (seen_in_files("an image", image.files()), seen_in_files("a root", RootFiles(root))):
            _check_said(cache, seen, row.cause, row.step)
    assert not Path("/var/owned").exists()


def _check_said(cache: CacheFolder, seen: SeenSystem, cause: str, step: str) -> None:
    (verdict,) = check(["plain"], cache, seen).verdicts
    assert (verdict.message, verdict.next_step, verdict.status.code) == (cause, step, 11 if cause else 0)
    assert verdict.prediction is (Prediction.MISS if cause else Prediction.HIT)
