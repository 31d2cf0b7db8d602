"""Layers and images with something wrong in them: hostile members, heads, compressions, documents and digests."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import zstandard
from tests.check.layouts import HandMade, base, tar_of
from tests.fuzz.mutation import altered, mutated

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
