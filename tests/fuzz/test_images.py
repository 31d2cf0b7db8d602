"""Whatever an image, its layers and its archive are: what is wrong is said, memory is bounded, nothing is written."""

import gzip
import io
import resource
import tarfile
import tempfile
from pathlib import Path
from random import Random

import pytest
from tests.check.layouts import HandMade, base
from tests.fuzz.effort import fuzzed, randoms
from tests.fuzz.law import bounded
from tests.fuzz.layers import hostile_image
from tests.fuzz.world import checked
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.roots import remove_root

from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.oci.reader import source_image
from package_cache.oci.unpack import image_root
from package_cache.sandbox.isolation import Isolation

STATUSES = {0, 2, 6, 11, 12, 13, 21, 22, 50}
"""Of what is said; and 1, with words of ours, of what cannot be read."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    cache = SyntheticCache(folder / "cache")
    debs = [make_deb(folder / "debs", "wanted", depends="needed"), make_deb(folder / "debs", "needed")]
    cache.add("tools", ["wanted"], debs)
    return cache.path


@fuzzed("images", random=randoms)
def test_check(cache: Path, random: Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reference = hostile_image(Path(folder), random)
        with bounded(5.0):
            done = checked(cache, reference, "--json")
        assert "Traceback" not in done.err
        assert done.status in STATUSES or (done.status == 1 and "error: cannot " in done.err), done
        assert "cannot go on" not in done.err, done
    assert not Path("/pwned").exists()


@fuzzed("unpacked", random=randoms)
def test_unpack(containment: Isolation, random: Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outside = Path(folder) / "outside"
        outside.mkdir()
        (outside / "kept").write_text("ours")
        reference = hostile_image(Path(folder), random)
        root = None
        try:
            with source_image(reference) as image:
                root = image_root(image, state=Path(folder) / "state", isolation=containment)
        except PackageCacheError as error:
            assert "Traceback" not in str(error)
            assert error.message.startswith("cannot ")
        finally:
            if root is not None:
                remove_root(root, containment)
        left = (Path(folder) / "state/roots").iterdir() if (Path(folder) / "state").exists() else []
        assert [path for path in left if path.suffix != ".lock"] == []
        assert (outside / "kept").read_text() == "ours"
    assert not Path("/pwned").exists()


def bomb(size: int, kind: bytes, name: str) -> bytes:
    """Return a layer that is small, and whose one member is large."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as stream:
        stream.write(entry.tobuf(tarfile.GNU_FORMAT))
        for _ in range(size >> 20):
            stream.write(bytes(1 << 20))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.REGTYPE])
def test_a_small_layer_does_not_fill_the_memory(kind: bytes, cache: Path, tmp_path: Path) -> None:
    layout = HandMade(tmp_path / "image")
    content = bomb(200 << 20, kind, "var/lib/dpkg/status")
    reference = layout.name(layout.image([base(), content], compression=""))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = checked(cache, reference)
    assert done.status == ExitStatus.INTERNAL.code, done
    assert "cannot read " in done.err
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_a_head_of_digits_takes_no_time(cache: Path, tmp_path: Path) -> None:
    layout = HandMade(tmp_path / "image")
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 120_000
    content = entry.tobuf(tarfile.GNU_FORMAT) + b"1" * 120_320
    reference = layout.name(layout.image([base(), content * 5]))
    with bounded(3.0):
        done = checked(cache, reference)
    assert done.status == ExitStatus.INTERNAL.code
    assert "an extended header has more than" in done.err
