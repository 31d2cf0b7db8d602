"""Whatever an image, its layers and its archive are: what is wrong is said, memory is bounded, nothing is written.

What is wrong are members, heads, compressions, documents and digests.
"""

import bz2
import gzip
import io
import json
import lzma
import resource
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import zstandard
from tests.check.layouts import HandMade, base, tar_of
from tests.fuzz.effort import fuzzed, randoms
from tests.fuzz.law import bounded
from tests.fuzz.mutation import altered, mutated
from tests.fuzz.world import checked
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.roots import remove_root

from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.oci.reader import source_image
from package_cache.oci.unpack import image_root
from package_cache.sandbox.isolation import Isolation

OUTSIDE = "/pwned"
"""A path that no image may create, whatever its members are named."""

NAMES = [
    "usr/lib/os-release", "etc/os-release", "var/lib/dpkg/status", "var/lib/dpkg/arch", "var/lib/dpkg/updates/0001",
    "var/lib/dpkg/updates", "var/lib/dpkg", "var/lib", "var", "usr/bin/dpkg", "usr/bin/apt-get", "usr", "d/e", "d",
    "pwned", "..", ".", "", "/", "../../pwned", "/pwned", "a" * 300, "a/" * 300 + "b", "a/" * 2000, "a\0b", "\udcff",
    "var/lib/dpkg/updates/" + "1" * 300, "var/lib/dpkg/updates/1\0", ".wh..wh..opq", ".wh.", ".wh.var", ".wh...",
    "var/lib/.wh.dpkg", "var/lib/.wh..wh..opq", "d/.wh...", "x//y", "./x/./y/../z",
]  # fmt: skip
TARGETS = [
    "/", ".", "..", "../../../..", "/pwned", "d", "d/e", "/etc", "usr/lib/os-release", "/proc/self/root", "a" * 300,
    "x" * 4000, "../" * 50, "nowhere", "", "/etc/os-release", "../usr/lib/os-release", "a\0b",
]  # fmt: skip
TYPES = [
    tarfile.REGTYPE, tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
    tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.CONTTYPE, b"?",
]  # fmt: skip
PAX = {
    "path": NAMES,
    "linkpath": TARGETS,
    "size": ["-1", "0", "9" * 30, "x", "1e3", "99999999999"],
    "mtime": ["nan", "inf", "1e400"],
    "uid": ["-1", "9" * 30],
    "hdrcharset": ["BINARY", "x"],
    "GNU.sparse.major": ["1"],
    "GNU.sparse.minor": ["0"],
    "GNU.sparse.map": ["0,1", "x", "1,2,3"],
    "GNU.sparse.realsize": ["-5", "999999999999"],
    "GNU.sparse.size": ["9" * 20],
}


def hostile_tar(random: Random) -> bytes:
    """Return a tar archive of hostile members, perhaps with bytes flipped."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", errors="surrogateescape") as archive:
        for _ in range(random.randint(1, 8)):
            entry = tarfile.TarInfo(random.choice(NAMES))
            entry.type = random.choice(TYPES)
            entry.mode = random.choice((0o644, 0o755, 0o6777, 0o000))
            entry.linkname = random.choice(TARGETS)
            entry.devmajor, entry.devminor = 1, 3
            data = random.choice((b"", b"ID=ubuntu\n", random.randbytes(600)))
            entry.size = len(data) if entry.isfile() else 0
            if random.randrange(4) == 0:
                keys = random.sample(sorted(PAX), random.randint(1, 3))
                entry.pax_headers = {key: random.choice(PAX[key]) for key in keys}
            try:
                archive.addfile(entry, io.BytesIO(data))
            except (ValueError, UnicodeError):  # what even this writer refuses
                continue
    content = buffer.getvalue()
    return mutated(content, random) if random.randrange(3) == 0 else content


def heads(random: Random) -> bytes:
    """Return a tar archive with more before a member than there should be."""
    kind = random.choice((tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE))
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, random.choice((512, 60_000, 200_000, 4_000_000))
    block = entry.tobuf(tarfile.GNU_FORMAT)
    body = random.choice((b"1" * entry.size, b"\1" * entry.size, b"20 path=" + b"a" * (entry.size - 8)))
    return (block + body.ljust(-(-entry.size // 512) * 512, b"\0")) * random.choice((1, 3)) + (
        block * 3000
    ) * random.randrange(2)


COMPRESS: Sequence[Callable[[bytes], bytes]] = (
    bytes, lambda content: gzip.compress(content, mtime=0), zstandard.compress, bz2.compress, lzma.compress,
)  # fmt: skip


def layer(random: Random) -> bytes:
    """Return a layer as it lies in a registry."""
    make = random.choice((hostile_tar, hostile_tar, hostile_tar, hostile_tar, heads, lambda _: tar_of(base())))
    content = random.choice(COMPRESS[:3])(make(random))
    return mutated(content, random) if random.randrange(5) == 0 else content


def hostile_image(folder: Path, random: Random) -> str:
    """Write an image and give its reference; it is never one that leads to a registry."""
    layout = HandMade(folder / "image")
    layers = [tar_of(base()), *(layer(random) for _ in range(random.randint(1, 3)))]
    image = layout.image(layers, compression=random.choice(("", "", "gzip")))
    if random.randrange(4) == 0:
        image = layout.index([image, layout.image([base(architecture="arm64")], architecture="arm64")])
    reference = layout.name(image)
    wrong = random.randrange(8)
    if wrong == 0:
        rewrite(layout.folder / "index.json", random)
    elif wrong in (1, 2):
        reference = renamed(layout, image, random)
    elif wrong == 3:
        blob = random.choice(sorted((layout.folder / "blobs/sha256").iterdir()))
        blob.write_bytes(mutated(blob.read_bytes(), random))
    elif wrong in (4, 5):
        reference = archived(layout, folder / "image.tar", random)
    return reference


def rewrite(path: Path, random: Random) -> None:
    """Alter a document."""
    tree = json.loads(path.read_bytes())
    path.write_bytes(written(altered(tree, random, surrogates=True)))


def written(tree: Any) -> bytes:
    """Return a document's bytes."""
    try:
        return json.dumps(tree, default=str).encode()
    except ValueError:  # a number of too many digits
        return b"0x" + b"f" * 5000


def renamed(layout: HandMade, image: Any, random: Random) -> str:
    """Alter the manifest or the configuration, and every digest that refers to it, so that all hashes match."""
    tree = json.loads(layout.place(image).read_bytes())
    if "config" in tree and random.randrange(2):
        config = json.loads(layout.place(tree["config"]).read_bytes())
        tree["config"] = {**tree["config"], **layout.blob(written(altered(config, random, surrogates=True)))}
    else:
        tree = altered(tree, random, surrogates=True)
    return layout.name({**image, **layout.blob(written(tree))}, "altered")


def archived(layout: HandMade, path: Path, random: Random) -> str:
    """Write the layout into a tar archive, compressed by any method, perhaps damaged."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(layout.folder, ".", filter=_of_no_time)
    content = random.choice(COMPRESS)(buffer.getvalue() + random.choice((b"", hostile_tar(random))))
    path.write_bytes(mutated(content, random) if random.randrange(2) else content)
    return f"oci-archive:{path}:latest"


def _of_no_time(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return the member without its time, so that the same image has the same bytes."""
    entry.mtime = 0
    return entry


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
    assert not Path(OUTSIDE).exists()


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
    assert not Path(OUTSIDE).exists()


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
