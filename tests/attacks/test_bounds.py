"""Attacks on memory, disk and time: whatever is sent, it ends at a bound that the error names.

Bounds of gigabytes are lowered here, so that an attack takes a moment; `conftest.py` measures memory and disk.
"""

import gzip
import io
import json
import lzma
import re
import struct
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.attacks.registry import Hostile
from tests.check.layouts import HandMade, base
from tests.fuzz.documents import LOCK
from tests.fuzz.world import Done, as_process, checked, in_process
from tests.installer.synthetic import SyntheticCache
from tests.runtime.pod import Pod

from package_cache.archive.downloads import Download, download
from package_cache.bounds import BOUNDS, VARIABLE, set_bounds
from package_cache.errors import PackageCacheError
from package_cache.oci.reader import source_image
from package_cache.oci.unpack import image_root
from package_cache.process import CommandError, piped, run
from package_cache.sandbox.isolation import Isolation
from package_cache.vulnerabilities.data_files import read_vulnerabilities

PROJECT = Path(__file__).parents[2]
MIB = 1 << 20


@pytest.fixture
def lower(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def lower(**bounds: int) -> None:
        monkeypatch.setenv(VARIABLE, " ".join(f"{key.replace('_', '-')}={value}" for key, value in bounds.items()))

    return lower


def ended_at(name: str, done: Done) -> None:
    """Check that nothing is predicted, and that the error names the bound and how to raise it."""
    assert done.out == "", done
    assert re.search(r"error: cannot .*more than [0-9]+", done.err, re.DOTALL), done
    assert f"raise the bound {name}: {VARIABLE}={name}=" in done.err, done


Members = Iterable[tuple[str, bytes, str]]
"""Name, type and link target."""


def tar(members: Members) -> bytes:
    """Write an archive, compressed: so it takes no memory here."""
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as stream:
        for name, kind, target in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            stream.write(entry.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape"))
        stream.write(bytes(1024))
    return buffer.getvalue()


def files(names: Iterable[str]) -> bytes:
    return tar((name, tarfile.REGTYPE, "") for name in names)


def name_of_200_parts(number: int) -> str:
    return "/".join(f"{number}x{part}" for part in range(200))


def holes(size: int) -> bytes:
    """Return a sparse member of that size in the old form of GNU, of which the archive has nothing."""
    entry = tarfile.TarInfo("hole")
    entry.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    block[386:398] = struct.pack(">BxxxQ", 0x80, size)  # offset of the one piece, which has no bytes
    block[398:410] = b"00000000000\0"
    block[483:495] = b"\x80" + size.to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + bytes(1024)


def stating(name: str, size: int) -> bytes:
    """Return a member that states a size, of which the archive has nothing."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


def pax_holes(size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo("hole")
        entry.pax_headers = {"GNU.sparse.size": str(size), "GNU.sparse.map": f"{size},0"}
        archive.addfile(entry)
    return buffer.getvalue()


IMAGES: dict[str, tuple[str, int | None, Callable[[], bytes]]] = {
    "100,000 long names": ("image-path-depth", None, lambda: files(f"{'d/' * 1000}{i}" for i in range(100_000))),
    "long names of 200 parts each": ("image-names-bytes", 20 * MIB, lambda: files(map(name_of_200_parts, range(2000)))),
    "many files in one folder": ("image-names-bytes", 4 * MIB, lambda: files(f"{i:0200}" for i in range(20_000))),
    "folders only": ("image-names-bytes", 4 * MIB, lambda: tar((str(i), b"5", "") for i in range(20_000))),
    "targets of links": ("image-names-bytes", 4 * MIB, lambda: tar((str(i), b"2", "x" * 4000) for i in range(2000))),
    "whiteouts": (
        "image-names-bytes", 4 * MIB, lambda: files(f"{'d' * 200}/.wh.{i:0200}" for i in range(20_000))
    ),
    "a path of 2,000 parts": ("image-path-depth", None, lambda: files(["d/" * 2000 + "f"])),
    "a path made deep by links": (
        "image-path-depth", None,
        lambda: tar([("d/" * 200, b"5", ""), ("l", b"2", "d/" * 200), ("l/" + "e/" * 200, b"0", "")]),
    ),
    "a path of 5,000 bytes": ("image-path-bytes", None, lambda: files(["d" * 5000])),
    "a path of 100,000 bytes": ("image-path-bytes", None, lambda: files(["a/../" * 20_000 + "f"])),
    "a link of 5,000 bytes": ("image-path-bytes", None, lambda: tar([("l", b"2", "x" * 5000)])),
    "a hard link of 5,000 bytes": ("image-path-bytes", None, lambda: tar([("l", b"1", "x" * 5000)])),
    "a name of 300 bytes": ("image-name-bytes", None, lambda: files(["d" * 300])),
    "a name of 100 characters of 3 bytes": ("image-name-bytes", None, lambda: files(["\u20ac" * 100])),
    "10,000 members": ("layer-entries", 5000, lambda: files(str(i) for i in range(10_000))),
    "10,000 members of the same name": ("layer-entries", 5000, lambda: files(["x"] * 10_000)),
    "10,000 members in all": ("image-entries", 5000, lambda: files(map(str, range(10_000)))),
    "a member that states more than there is": ("", None, lambda: stating("x", 50 << 30)),
    "a member that states 8 EiB": ("image-unpacked-bytes", None, lambda: stating("x", (1 << 63) - 1)),
    "a hole of 8 TiB": ("image-unpacked-bytes", None, lambda: holes(8 << 40)),
    "a hole of 8 TiB in a pax header": ("image-unpacked-bytes", None, lambda: pax_holes(8 << 40)),
}  # fmt: skip
"""By name: the bound that ends it, to which number that is lowered, and the layer. Types of members are tar(5)'s."""


def image_of(folder: Path, *layers: Any) -> str:
    """Write an image of these layers on those of a system; give its reference."""
    layout = HandMade(folder / "image")
    return layout.name(layout.image([base(), *layers], compression=""))


@pytest.mark.parametrize("attack", IMAGES)
def test_a_layer(attack: str, cache: SyntheticCache, tmp_path: Path, lower: Callable[..., None]) -> None:
    name, bound, layer = IMAGES[attack]
    lower(**({name: bound} if bound else {}))
    done = checked(cache.path, image_of(tmp_path, layer()))
    if name:
        ended_at(name, done)
    else:
        assert (done.status, "it is no tar archive, or it is cut short" in done.err) == (1, True), done


@pytest.mark.parametrize("attack", ["100,000 long names", "a hole of 8 TiB", "10,000 members", "whiteouts"])
def test_a_layer_that_is_to_be_unpacked(attack: str, isolation: Isolation, tmp_path: Path) -> None:
    name, bound, layer = IMAGES[attack]
    set_bounds(f"{name}={bound}" if bound else "")
    with pytest.raises(PackageCacheError, match=name), source_image(image_of(tmp_path, layer())) as image:
        image_root(image, state=tmp_path / "state", isolation=isolation)
    assert [path for path in (tmp_path / "state/roots").iterdir() if path.suffix != ".lock"] == []


def gzip_bomb() -> bytes:
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as stream:
        stream.write(stating("zeros", 100 * MIB))
        for _ in range(100):
            stream.write(bytes(MIB))
    return buffer.getvalue()


def zstd_bomb() -> bytes:
    return zstandard.compress(stating("zeros", 100 * MIB)) + zstandard.compress(bytes(MIB)) * 100


def nested_bomb() -> bytes:
    """Return 100 members of gzip, each of which ends in the middle of one of the archive."""
    return gzip.compress(stating("zeros", 100 * MIB)) + gzip.compress(bytes(MIB)) * 100


def wide_window() -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return compressor.compress(stating("zeros", 100)) + compressor.flush()


COMPRESSED = {
    "a bomb of gzip": ("image-unpacked-bytes", gzip_bomb),
    "a bomb of many gzip members": ("image-unpacked-bytes", nested_bomb),
    "a bomb of zstd": ("image-unpacked-bytes", zstd_bomb),
    "a window of 128 MiB": ("zstd-window-bytes", wide_window),
}


@pytest.mark.parametrize("attack", COMPRESSED)
@pytest.mark.parametrize("where", ["layer", "archive"])
def test_a_decompression_bomb(
    where: str, attack: str, cache: SyntheticCache, tmp_path: Path, lower: Callable[..., None]
) -> None:
    name, content = COMPRESSED[attack]
    lower(image_unpacked_bytes=20 * MIB)
    if where == "layer":
        reference = image_of(tmp_path, content())
    else:
        (tmp_path / "image.tar").write_bytes(content())
        reference = f"oci-archive:{tmp_path / 'image.tar'}"
    ended_at(name, checked(cache.path, reference))


def test_layers_that_are_one_too_many(cache: SyntheticCache, tmp_path: Path) -> None:
    layout = HandMade(tmp_path / "image")
    ended_at("image-layers", checked(cache.path, layout.name(layout.image([{}] * 1001, compression=""))))


LARGE_DOCUMENTS = {
    "blanks": ("image-document-bytes", b" " * (5 * MIB) + b"{}"),
    "a text": ("image-document-bytes", json.dumps({"x": "x" * 5 * MIB}).encode()),
    "lists": ("document-values", b'{"x": [' + b"[]," * 1_200_000 + b"[]]}"),
    "tables": ("document-values", b'{"x": [' + b"{}," * 1_200_000 + b"{}]}"),
    "numbers": ("document-values", b'{"x": [' + b"1," * 1_200_000 + b"1]}"),
}


@pytest.mark.parametrize("attack", LARGE_DOCUMENTS)
@pytest.mark.parametrize("part", ["index", "manifest", "config"])
def test_a_large_document(part: str, attack: str, cache: SyntheticCache, tmp_path: Path) -> None:
    name, content = LARGE_DOCUMENTS[attack]
    layout = HandMade(tmp_path / "image")
    image = layout.image([base()])
    if part == "manifest":
        image = {**image, **layout.blob(content)}
    elif part == "config":
        manifest = json.loads(layout.place(image).read_bytes())
        manifest["config"] = layout.blob(content)
        image = layout.blob(json.dumps(manifest).encode())
    reference = layout.name(image)
    if part == "index":
        (layout.folder / "index.json").write_bytes(content)
    ended_at(name, checked(cache.path, reference))


@pytest.mark.parametrize("sign", [b"[", b'{"a":'], ids=["lists", "tables"])
def test_a_document_that_is_nested(sign: bytes, cache: SyntheticCache, tmp_path: Path) -> None:
    layout = HandMade(tmp_path / "image")
    done = checked(cache.path, layout.name(layout.blob(sign * 200_000)))
    assert (done.status, done.out, "cannot read the image" in done.err) == (1, "", True)


def unpacked(blocks: Iterable[bytes]) -> bytes:
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as stream:
        for block in blocks:
            stream.write(block)
    return buffer.getvalue()


def tracker(fixes: int) -> Iterator[bytes]:
    yield b'{"tool":{'
    release = b'{"releases":{"bookworm":{"status":"resolved","fixed_version":"2"}}}'
    for number in range(fixes):
        yield b'"CVE-2024-%06d":%s,' % (number, release)
    yield b'"CVE-2024-9999":%s}}' % release


def member(content: bytes) -> bytes:
    """Return an archive of one record."""
    entry = tarfile.TarInfo("0.json")
    entry.size = len(content)
    return entry.tobuf() + content + bytes(1024 - len(content) % 512)


def xz_of_a_wide_dictionary() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28}]
    compressor = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=filters)
    return compressor.compress(b'{"a": 1}') + compressor.flush()


VULNERABILITIES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a text": ("value of more than", lambda: unpacked([b'{"a":"', *[b"x" * MIB] * 300])),
    "a text of quotes": ("value of more than", lambda: unpacked([b'{"a":"', *[b'\\"' * MIB] * 150])),
    "lists": ("nested", lambda: unpacked([b'{"a":', *[b"[" * MIB] * 100])),
    "short lists": ("vulnerability-bytes", lambda: unpacked([b'{"a":[', *[b'[],"",' * MIB] * 2])),
    "many fixes": ("vulnerabilities", lambda: unpacked(tracker(210_000))),
    "a record of lists": (
        "document-values",
        lambda: member(b'{"name":"tool","affected":["Debian:12",' + b"[]," * 9_000_000),
    ),
    "a wide dictionary": ("xz-memory-bytes", xz_of_a_wide_dictionary),
}
"""By name: what the error says, and the file."""


@pytest.mark.parametrize("attack", VULNERABILITIES)
def test_vulnerability_data(attack: str, tmp_path: Path) -> None:
    told, content = VULNERABILITIES[attack]
    set_bounds(f"vulnerability-bytes={5 * MIB}" if attack == "short lists" else "")
    (tmp_path / "data").write_bytes(content())
    with pytest.raises(PackageCacheError) as caught:
        read_vulnerabilities([tmp_path / "data"], {"debian12": {"tool"}})
    assert told in str(caught.value)


SYSTEM_FILES: dict[str, tuple[Any, ...]] = {
    "a large status": ("system-file-bytes", {"var/lib/dpkg/status": b"x" * (33 * MIB)}),
    "a large release": ("system-file-bytes", {"etc/os-release": b"x" * (33 * MIB)}),
    "a large release elsewhere": ("system-file-bytes", {"etc/os-release": "-> /x", "x": b"x" * (33 * MIB)}),
    "large updates": ("system-file-bytes", {f"var/lib/dpkg/updates/{i}": b"x" * MIB for i in range(40)}),
    "large updates in many layers": (
        "system-file-bytes",
        *({f"var/lib/dpkg/updates/{i}": b"x" * (8 * MIB)} for i in range(5)),
    ),
    "many updates": ("system-files", dict.fromkeys((f"var/lib/dpkg/updates/{i:04}" for i in range(2000)), b"")),
    "updates elsewhere": (
        "layer-passes",
        {f"var/lib/dpkg/updates/{i:04}": f"-> /x/{i}" for i in range(100)} | {f"x/{i}": "" for i in range(100)},
    ),
}


@pytest.mark.parametrize("attack", SYSTEM_FILES)
def test_files_of_a_system(attack: str, cache: SyntheticCache, tmp_path: Path) -> None:
    name, *layers = SYSTEM_FILES[attack]
    layout = HandMade(tmp_path / "image")
    ended_at(name, checked(cache.path, layout.name(layout.image([base(), *layers]))))


def test_links_in_a_circle(cache: SyntheticCache, tmp_path: Path) -> None:
    layout = HandMade(tmp_path / "image")
    tree = {f"l{i}": f"-> {'./' * 1000}l{(i + 1) % 50}" for i in range(50)} | {"etc/os-release": "-> /l0"}
    done = checked(cache.path, layout.name(layout.image([*([{}] * 300), base(), tree], compression="")), "--json")
    assert json.loads(done.out)["result"]["system"] == "ubuntu18.04", done  # the other of the two files


def test_an_archive_with_a_hole(cache: SyntheticCache, tmp_path: Path) -> None:
    content = bytearray(holes(8 << 40))
    content[:100] = f"blobs/sha256/{'0' * 64}".encode().ljust(100, b"\0")
    content[148:156] = b" " * 8
    content[148:156] = f"{sum(content[:512]):06o}\0 ".encode()
    (tmp_path / "image.tar").write_bytes(content)
    ended_at("image-unpacked-bytes", checked(cache.path, f"oci-archive:{tmp_path / 'image.tar'}"))


def test_an_archive_with_more_than_its_disk(cache: SyntheticCache, tmp_path: Path, lower: Callable[..., None]) -> None:
    lower(image_bytes=MIB)
    layout = HandMade(tmp_path / "image")
    for number in range(100):
        layout.blob(bytes([number]) * 100_000)
    layout.name(layout.image([base()]))
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        archive.add(layout.folder, ".")
    ended_at("image-bytes", checked(cache.path, f"oci-archive:{tmp_path / 'image.tar'}"))


def endless() -> Iterator[bytes]:
    while True:
        yield b" " * (1 << 16)


@pytest.mark.parametrize("part", ["layer", "config"])
def test_a_blob_without_end(
    part: str, registry: Hostile, cache: SyntheticCache, tmp_path: Path, lower: Callable[..., None]
) -> None:
    lower(image_bytes=16 * MIB)
    layout = HandMade(tmp_path / "image")
    image = layout.image([base()])
    registry.holds(layout, image)
    manifest = json.loads(layout.place(image).read_bytes())
    blob = manifest["config"] if part == "config" else manifest["layers"][0]
    registry.blobs[blob["digest"]] = endless
    bound = "image-document-bytes" if part == "config" else "image-bytes"
    ended_at(bound, checked(cache.path, f"{registry.host}/x:v1"))


def test_a_manifest_of_an_image_without_end(registry: Hostile, cache: SyntheticCache) -> None:
    registry.manifests["v1"] = endless
    done = checked(cache.path, f"{registry.host}/x:v1")
    # skopeo and our own bound stop at the same size, whichever is first
    assert (done.out, done.status > 0, done.err.startswith("error: cannot read ")) == ("", True, True), done


FLOODS = {
    "standard output": "exec yes",
    "standard error": "exec yes >&2",
    "both": "yes & exec yes >&2",
    "one line": "exec tr '\\0' x </dev/zero",
    "whoever does not listen": "trap '' TERM; while :; do printf '%01000d\\n' 0; done",
    "a child that stays": "yes & exit 0",
}


@pytest.mark.parametrize("attack", FLOODS)
def test_a_program_that_prints_for_ever(attack: str) -> None:
    with pytest.raises(CommandError, match="was ended: it printed more than 16777216 bytes") as caught:
        run(["sh", "-c", FLOODS[attack]], timeout=60)
    assert len(str(caught.value)) < 20_000
    assert "output-bytes" in caught.value.output


@pytest.mark.parametrize("feed", [False, True], ids=["read from", "written to"])
def test_a_program_that_prints_for_ever_beside_a_pipe(feed: bool) -> None:
    script = "dd if=/dev/zero bs=1M count=50 status=none | tr '\\0' x >&2; cat; exit 3"
    with pytest.raises(CommandError) as caught, piped(["sh", "-c", script], feed=feed) as pipe:
        if not feed:
            assert pipe.read() == b""
    assert (caught.value.returncode, 1000 < len(caught.value.output) <= 1 << 16) == (3, True)


ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
JOB = "taskRoles: {main: {commands: [a]}}\n"
ENTRY = f"{JOB}extras:\n  com.microsoft.pai.runtimeplugin:\n  - plugin: ssh\n    parameters: "
JOBS = {
    "ten levels of aliases": (ALIASES + JOB, "holds the alias *a0"),
    "an alias that holds itself": (f"{ENTRY}&x [*x]", "holds the alias *x"),
    "an anchor": (f"{ENTRY}&x 1", "holds the anchor &x"),
    "a merge key": (f"{ENTRY}{{a: {{<<: {{b: 1}}}}}}", "holds the merge key <<"),
    "a tag": (f"{ENTRY}!!python/object/apply:os.system ['touch /pwned']", "holds the tag tag:yaml.org,2002:python"),
    "a tag of its own": (f"{ENTRY}!x 1", "holds the tag !x"),
    "megabytes": (f"{JOB}# {'x' * MIB}", "job-bytes"),
    "100,000 nodes": (f"{JOB}x: [{'1,' * 100_000}]", "job-nodes"),
    "100,000 lists": (f"{JOB}x: [{'[],' * 100_000}]", "job-nodes"),
    "10,000 levels": (f"{JOB}x: {'[' * 10_000}{']' * 10_000}", "job-depth"),
    "10,000 levels of tables": (f"{JOB}x: {'{a: ' * 10_000}1{'}' * 10_000}", "job-depth"),
    "10,000 levels of lines": (f"{JOB}x:\n  {'- ' * 10_000}1", "job-depth"),
}


@pytest.mark.parametrize("attack", JOBS)
def test_a_job(attack: str, pod: Pod) -> None:
    text, words = JOBS[attack]
    done = pod.init(text)
    assert (done.returncode in (3, 1), words in done.stderr) == (True, True), done.stderr[:2000]
    assert "Traceback" not in done.stderr
    assert not Path("/pwned").exists()
    assert not pod.work.exists()


GROUP = '[[group]]\nname = "g"\nsystems = ["ubuntu18.04"]\npackages = ["ab"]\n'
MANIFESTS = {
    "300,000 tables": ("m.toml", GROUP + "[[x]]\n" * 170_000, "manifest-tables"),
    "2 MiB of tables": ("m.toml", GROUP + "[[x]]\n" * 400_000, "manifest-bytes"),
    "tables by name": ("m.toml", "".join(f"[t{i}]\n" for i in range(20_000)), "manifest-tables"),
    "2 MiB of columns": ("m", "g,ubuntu18.04,ab\n" * 130_000, "manifest-bytes"),
    "2 MiB of one line": ("m", "g,ubuntu18.04," + "a" * 2 * MIB, "manifest-bytes"),
    "100,000 brackets": ("m.toml", "a = " + "[" * 100_000, "nested"),
}


@pytest.mark.parametrize("attack", MANIFESTS)
def test_a_manifest(attack: str, tmp_path: Path) -> None:
    name, text, words = MANIFESTS[attack]
    (tmp_path / name).write_text(text)
    done = in_process(["lock", "--manifest", str(tmp_path / name), "--state", str(tmp_path / "state")])
    assert (done.status, words in done.err) == (3, True), done.err[:2000]


def test_a_manifest_without_end() -> None:
    done = in_process(["lock", "--manifest", "/dev/zero"])
    assert (done.status, "manifest-bytes" in done.err) == (3, True), done.err[:2000]


@pytest.mark.parametrize("kind", ["bytes", "values", "lists"])
def test_a_lock(kind: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    text = {"bytes": "", "values": "x = [" + "1," * 500_001 + "]", "lists": "x = [" + "[]," * 600_000 + "]"}[kind]
    lock.write_text(LOCK.replace("\n", f"\n{text}\n", 1) if text else LOCK)
    if kind == "bytes":
        with lock.open("r+b") as stream:
            stream.truncate(65 * MIB)
    done = in_process(["diff", str(lock), str(lock)])
    assert (done.status, {"bytes": "lock-bytes"}.get(kind, "document-values") in done.err) == (4, True), done.err[:2000]


@pytest.mark.parametrize("name", ["package-cache.json", "groups/tools-ubuntu18.04/packages.json"])
@pytest.mark.parametrize("kind", ["bytes", "values"])
def test_a_file_of_a_cache(name: str, kind: str, cache: SyntheticCache, tmp_path: Path) -> None:
    file = cache.path / name
    if kind == "bytes":
        with file.open("wb") as stream:
            stream.truncate(65 * MIB)
    else:
        file.write_bytes(b"[" + b"[]," * 600_000 + b"[]]")
    done = in_process(["verify", "--cache", str(cache.path)])
    assert done.status != 0
    assert len(done.err) < 5000


@pytest.mark.parametrize("text", ["{}", '{"name": 1}', '{"sha256": "x"}', "{},1"])
@pytest.mark.parametrize("name", ["package-cache.json", "groups/tools-ubuntu18.04/packages.json"])
def test_a_file_of_which_everything_is_wrong(name: str, text: str, cache: SyntheticCache) -> None:
    head, end = ('{"format": 1, "groups": [', "]}") if name == "package-cache.json" else ("[", "]")
    (cache.path / name).write_text(f"{head}{text}{f',{text}' * 160_000}{end}")
    done = as_process(["verify", "--cache", str(cache.path)])
    assert done.status != 0
    lines = [line for line in done.err.splitlines() if not re.match(r"\d+ s: ", line)]  # a busy machine tells progress
    assert len(lines) <= 10_003


def test_a_manifest_of_which_everything_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("x\n" * 500_000)
    done = in_process(["lock", "--manifest", str(tmp_path / "m")])
    assert (done.status, done.err.count("\n") < 30_000, "from here on" in done.err) == (3, True, True)


@pytest.mark.parametrize("size", [1 << 50, (1 << 63) - 1])
def test_a_package_of_a_lock_that_is_larger_than_any_disk(size: int, tmp_path: Path) -> None:
    with pytest.raises(PackageCacheError, match="package-bytes"):
        download([Download((f"file://{tmp_path}/x",), tmp_path / "y", "0" * 64, size)])
    assert not (tmp_path / "y").exists()


@pytest.mark.parametrize(
    "text", ["nothing=1", "job-bytes", "job-bytes=", "job-bytes=-1", "job-bytes=0", "job-bytes=1e9", "job-bytes=1 x"]
)
def test_bounds_that_are_none(text: str, cache: SyntheticCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    done = in_process(["verify", "--cache", str(cache.path)])
    assert (done.status, f"error: cannot use {VARIABLE}" in done.err) == (2, True), done


def test_a_bound_that_is_raised(cache: SyntheticCache, tmp_path: Path, lower: Callable[..., None]) -> None:
    reference = image_of(tmp_path, files(["d/" * 300 + "f"]))
    ended_at("image-path-depth", checked(cache.path, reference))
    lower(image_path_depth=1000)
    assert checked(cache.path, reference).status == 0


def test_the_document_has_the_table_of_the_code() -> None:
    rows = [f"| `{row.name}` | {row.default:,} | {row.unit} | {row.what} |" for row in BOUNDS.values()]
    text = (PROJECT / "docs/bounds.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows


def test_every_bound_is_used() -> None:
    sources = [*(PROJECT / "src").rglob("*.py"), *(PROJECT / "runtime").rglob("*.py")]
    text = "".join(path.read_text() for path in sources if path.name != "bounds.py")
    assert [name for name in BOUNDS if f'"{name}"' not in text and f"'{name}'" not in text] == []
