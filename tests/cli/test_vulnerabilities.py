"""CVE numbers that updates fix, from files in the true formats: in `outdated`, and in bills of materials."""

import bz2
import gzip
import io
import json
import lzma
import os
import re
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer
from tests.support.world import World, printed, reaching, refused

from package_cache.bounds import VARIABLE

TOOLS = "edit,ubuntu18.04,editor viewer\n"
BIONIC = "Ubuntu:18.04:LTS"


def record(
    number: int, fixed: str, source: str = "tools", *, ecosystem: str = BIONIC, priority: str = "high", **more: Any
) -> dict[str, Any]:
    """Return an OSV record as Ubuntu publishes them."""
    return {
        "schema_version": "1.7.0",
        "id": f"UBUNTU-CVE-2024-{number}",
        "details": 'A "quoted" text.',
        "upstream": [f"CVE-2024-{number}"],
        "severity": [
            {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H"},
            {"type": "Ubuntu", "score": priority},
        ],
        "published": "2024-07-01T00:00:00Z",
        "modified": "2025-07-01T00:00:00Z",
        "affected": [affected(fixed, source, ecosystem)],
        "references": [{"type": "REPORT", "url": "https://example.invalid/"}],
        **more,
    }


def affected(fixed: str, source: str = "tools", ecosystem: str = BIONIC, introduced: str = "0") -> dict[str, Any]:
    events = [{"introduced": introduced}, *([{"fixed": fixed}] if fixed else [])]
    return {
        "package": {
            "ecosystem": ecosystem,
            "name": source,
            "purl": f"pkg:deb/ubuntu/{source}?arch=source&distro=bionic",
        },
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
        "versions": ["1.0", "3.0"],
        "ecosystem_specific": {"binaries": [{"binary_name": "editor", "binary_version": "1.0"}]},
    }


RECORDS = [
    record(10002, "3.2"),
    record(2000, "3.1~rc1"),
    record(2001, "3.0"),  # was fixed already
    record(2002, "3.3"),  # is not fixed by it
    record(2003, ""),  # has no fix
    record(2004, "3.1", withdrawn="2025-01-01T00:00:00Z"),
    record(2005, "3.1", ecosystem="Ubuntu:22.04:LTS"),
    record(2006, "3.1", ecosystem="Ubuntu:Pro:FIPS:18.04:LTS"),
    record(2007, "3.1", ecosystem="Ubuntu:Pro:18.04:LTS"),
    record(2008, "3.1", source="editor"),  # is the name of a package, and of another source
    record(2009, "not a version"),
    record(2010, "", affected=[affected("3.1", introduced="3.0.1"), affected("3.1", introduced="3.0")]),
    record(2012, "", affected=[affected("3.1", introduced="3.0.1")]),  # came with a later version
    {**record(2011, "3.1"), "id": "USN-6859-1", "upstream": ["CVE-2024-2011", "CVE-2024-2012"]},
]
FIXED = ["CVE-2024-2000", "CVE-2024-2007", "CVE-2024-2010", "CVE-2024-10002"]


def archive_of(*documents: Any, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for number, document in enumerate(documents):
            content = document if isinstance(document, bytes) else json.dumps(document, indent=2).encode()
            entry = tarfile.TarInfo(f"osv/cve/2024/{number}.json")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def tools(world: World) -> World:
    """A lock of two packages of the source `tools` 3.0, which is newer by now, in one of them."""

    def fill() -> None:
        for name in ("editor", "viewer"):
            world.archive.remove(name)
            world.add(name, depends="libshared", Source="tools (3.0)")
        world.locked(TOOLS)
        assert world.build()[0] == 0
        world.add("editor", "1.1", suite="bionic-security", depends="libshared", Source="tools (3.2)")
        world.archive.publish()

    world.once("tools with a newer editor", fill)
    return world


@pytest.fixture
def data(tmp_path: Path) -> Callable[[Any], str]:
    """Write a file of vulnerability data, and return its path."""

    def write(content: Any) -> str:
        path = tmp_path / "data"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write


def fixes(world: World, *files: str, package: str = "editor") -> Any:
    """Return what the update of a package fixes, and why that is not known."""
    words = [f"--vulnerabilities={file}" for file in files]
    status, out, err = world.online("outdated", "--json", *words)
    assert (status, err) == (16, ""), err
    [system] = json.loads(out)["result"]["systems"]
    return next(item["fixes"] for item in system["packages"] if item["name"] == package), system["unknown"]


def test_the_numbers_between_the_locked_source_and_the_newest(tools: World, data: Callable[[Any], str]) -> None:
    file = data(archive_of(*RECORDS))
    assert fixes(tools, file) == (FIXED, [])
    status, out, _ = tools.online("outdated", "--vulnerabilities", file)
    [row] = [line for line in out.splitlines() if "editor:all" in line]
    assert [*filter(None, row.split("   "))][2:] == [
        "bionic-security", "security: 1.1", "fixes: CVE-2024-2000, CVE-2024-2007 and 2 more", "edit"
    ]  # fmt: skip
    assert (status, "1 of them for security, 4 CVE numbers fixed" in out) == (16, True)


def test_without_files_nothing_is_said(tools: World) -> None:
    assert fixes(tools) == (None, [])
    assert not re.search("CVE|fixe|no data", tools.online("outdated")[1])


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "xz": lzma.compress,
    "xz in two streams": lambda content: lzma.compress(content[:100]) + lzma.compress(content[100:]),
    "bz2": bz2.compress,
    "gz": gzip.compress,
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "record"])
def test_a_file_is_known_by_its_content(
    compression: str, tools: World, data: Callable[[Any], str], *, is_archive: bool
) -> None:
    content = archive_of(record(2000, "3.1")) if is_archive else json.dumps(record(2000, "3.1"), indent=1).encode()
    assert fixes(tools, data(COMPRESSIONS[compression](content))) == (["CVE-2024-2000"], [])


def test_several_files_count_together(tools: World, tmp_path: Path) -> None:
    files = []
    for number in (2000, 2001):
        (tmp_path / str(number)).write_text(json.dumps(record(number, "3.1")))
        files.append(str(tmp_path / str(number)))
    assert fixes(tools, *files) == (["CVE-2024-2000", "CVE-2024-2001"], [])


def test_a_system_without_data_is_named(tools: World, data: Callable[[Any], str]) -> None:
    file = data(archive_of(record(2000, "3.1", ecosystem="Ubuntu:22.04:LTS")))
    sentence = f"no data on ubuntu18.04 in {file}"
    assert fixes(tools, file) == (None, [sentence])
    printed(tools.online("outdated", "--vulnerabilities", file), 16, f"  CVE numbers: {sentence}")
    assert fixes(tools, data(archive_of(record(2000, "3.1", source="other")))) == ([], [])


@pytest.mark.parametrize(
    ("newest", "fixed", "expected"),
    [
        ("tools", "1.1", ["CVE-2024-2000"]),  # the package's own version is the source's
        ("tools", "1.0", []),
        ("tools (3.2)", "3.1", None),
        ("editor (3.2)", "3.1", ["CVE-2024-2000"]),
    ],
)
def test_a_lock_without_sources(
    world: World, data: Callable[[Any], str], newest: str, fixed: str, expected: list[str] | None
) -> None:
    world.locked(TOOLS)
    world.add("editor", "1.1", depends="libshared", Source=newest)
    file = data(record(2000, fixed, source=newest.partition(" ")[0]))
    found, unknown = fixes(world, file)
    assert (found, len(unknown)) == (expected, 1 if expected is None else 0)
    if expected is None:
        assert unknown[0].startswith("no data on editor: the lock does not name the source of the newest version")


def test_a_kept_lock_gets_sources(tools: World, data: Callable[[Any], str]) -> None:
    lock = tools.folder / "package-cache.lock"
    text = lock.read_text()
    lock.write_text(re.sub(r"source = .*\n", "", text))
    file = data(archive_of(*RECORDS))
    assert fixes(tools, file)[0] is None
    assert tools.online("lock", "--keep")[0] == 0
    assert lock.read_text() == text
    assert fixes(tools, file)[0] == FIXED


def test_a_source_that_has_another_name_by_now(tools: World, data: Callable[[Any], str]) -> None:
    tools.add("editor", "1.2", suite="bionic-security", depends="libshared", Source="editors (4.0)")
    found, [sentence] = fixes(tools, data(archive_of(record(1, "3.1"), record(2000, "3.5", source="editors"))))
    assert (found, "the lock does not name the source" in sentence) == (None, True)


def tracked(**releases: dict[str, Any]) -> dict[str, Any]:
    """Return what Debian's tracker says of one vulnerability, by code names."""
    return {"description": "A text.", "scope": "remote", "debianbug": 1234567, "releases": releases}


def resolved(version: str, urgency: str = "not yet assigned", series: str = "bookworm") -> dict[str, Any]:
    repositories = {series: "3.0", f"{series}-security": version}
    return {"status": "resolved", "repositories": repositories, "fixed_version": version, "urgency": urgency}


OPEN = {"status": "open", "repositories": {"bookworm": "3.0"}, "urgency": "low", "nodsa": "Minor", "nodsa_reason": ""}
TRACKER = {
    "another": {"CVE-2024-1000": tracked(bookworm=resolved("3.1"))},
    "tools": {
        "TEMP-0841856-B18BAF": tracked(bookworm=resolved("3.0+deb12u1")),
        "CVE-2023-20001": tracked(bookworm=resolved("3.0+deb12u1", "medium"), sid=resolved("5")),
        "CVE-2023-3000": tracked(bookworm=resolved("3.0+deb12u1", "unimportant"), bullseye=resolved("2.9")),
        "CVE-2023-3001": tracked(bookworm=resolved("0")),  # never was in it
        "CVE-2023-3002": tracked(bookworm=OPEN, sid=resolved("3.0+deb12u1")),
        "CVE-2023-3003": tracked(bullseye=resolved("3.0+deb12u1")),
        "CVE-2023-3004": tracked(bookworm=resolved("3.0+deb12u2")),
        "CVE-2023-3005": tracked(bookworm=resolved("3.0+deb12u1")),
    },
}


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[tuple[SignedArchive, list[str]]]:
    """A likeness of Debian 12 on loopback, and the options that reach it."""
    suites = ("bookworm", "bookworm-updates", "bookworm-security")
    archive = SignedArchive(tmp_path / "debian", suites, ("main", "contrib", "non-free", "non-free-firmware"))
    with ArchiveServer(archive.folder) as server:
        words = [word.replace("ubuntu=", "debian=") for word in reaching(archive, server, tmp_path)]
        yield archive, [*words, "--mirror", f"debian-security={server.uri}"]


def test_debians_tracker(
    debian: tuple[SignedArchive, list[str]], world: World, tmp_path: Path, data: Callable[[Any], str]
) -> None:
    archive, reach = debian
    archive.add(make_deb(tmp_path / "debs", "editor", "1.0", Source="tools (3.0)"), suite="bookworm")
    archive.publish()
    world.manifest("edit,debian12,editor\n")
    assert world.run("lock", *reach)[0] == 0
    deb = make_deb(tmp_path / "debs", "editor", "1.0+b1", Source="tools (3.0+deb12u1)")
    archive.add(deb, suite="bookworm-security")
    archive.publish()
    for content in (TRACKER, lzma.compress(json.dumps(TRACKER, separators=(",", ":")).encode())):
        [system] = world.json("outdated", *reach, "--vulnerabilities", data(content))["result"]["systems"]
        assert system["packages"][0]["fixes"] == ["CVE-2023-3000", "CVE-2023-3005", "CVE-2023-20001"]
    sid = {"tools": {"CVE-2024-1000": tracked(sid=resolved("3.1"))}}
    printed(world.run("outdated", *reach, "--vulnerabilities", data(sid)), 16, "no data on debian12 in ")


OPENVEX = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "author": "Nobody",
    "statements": [
        {
            "vulnerability": {"name": "CVE-2024-2000"},
            "products": [{"@id": "pkg:deb/ubuntu/tools@3.2?arch=source&distro=bionic"}],
            "status": "fixed",
        }
    ],
}
WRONG: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "cannot read "),
    "OVAL": (b'<?xml version="1.0"?><oval_definitions/>', "cannot read "),
    "another document": ({"x": {"y": [1, None, True, 1.5]}}, "it is no vulnerability data that this program reads"),
    "a list": (b"[" * 100, "cannot read "),
    "half a document": (json.dumps(TRACKER).encode()[:-1], "it is no JSON"),
    "two documents": (b"{} {}", "it is no JSON"),
    "other bytes": (b'{"\xff": 1}', "it is no JSON"),
    "half a pair": (b'{"id": "\\ud800", "affected": [{}], "affected": 1}', "it is no vulnerability data"),
    "a nested document": (b'{"a":' * 100, "it is nested more than 32 levels deep"),
    "a long number": (b'{"a": ' + b"9" * 5000 + b"}", "cannot read "),
    "a long text": (json.dumps({"a": '\\"' * 200_000}).encode(), "it has a value of more than 65536 bytes"),
    "half an xz": (lzma.compress(archive_of(*RECORDS))[:-50], "it is cut short"),
    "a broken xz": (lzma.compress(b"{}")[:-20] + bytes(20), "cannot read "),
    "half a bz2": (bz2.compress(json.dumps(TRACKER).encode())[:-10], "cannot read "),
    "half a gz": (gzip.compress(json.dumps(TRACKER).encode())[:-10], "cannot read "),
    "half a tar": (archive_of(*RECORDS)[:5000], "cannot read "),
    "a tar of nothing": (archive_of(), "it is no vulnerability data that this program reads"),
    "a tar of something else": (archive_of({"x": 1}), "it is no vulnerability data that this program reads"),
    "a broken record": (
        archive_of(b'{"affected": ["Ubuntu:18.04:LTS"], "name": "tools"'), "osv/cve/2024/0.json: ",
    ),
    "a nested record": (
        archive_of(b'{"affected": "Ubuntu:18.04:LTS", "name": "tools", "x":' + b"[" * 200_000), "cannot read ",
    ),
    "OpenVEX": (OPENVEX, "it is OpenVEX, which does not name the first fixed version"),
    "a tar of OpenVEX": (archive_of(OPENVEX, mode="w:xz"), "name Ubuntu's OSV records instead"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_file_that_cannot_be_used(tools: World, data: Callable[[Any], str], what: str) -> None:
    content, told = WRONG[what]
    file = data(content)
    refused(tools.online("outdated", "--vulnerabilities", file), 2, "error: cannot ", file, told, "hint: name ")


def test_odd_values_of_a_record_are_no_fixes(tools: World, data: Callable[[Any], str]) -> None:
    odd = [
        {"id": 3, "affected": {"package": 1}},
        {"id": [1], "affected": [1, [2], {"package": "tools", "ranges": [{"events": {"fixed": "3.1"}}]}]},
        {"affected": [{"package": {"name": ["tools"], "ecosystem": BIONIC}}], "name": "tools"},
        record(2020, "3.1", severity=[{"score": None}, {"type": {}}, 7]),
    ]
    assert fixes(tools, data(archive_of(*odd))) == (["CVE-2024-2020"], [])


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_a_file_that_is_none_is_told_before_an_archive_is_asked(tools: World, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "place"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    refused(tools.online("outdated", "--vulnerabilities", str(path)), 2, f"cannot read the vulnerability data {path}")
    assert tools.server.requests == []


BOUNDS: dict[str, tuple[int, Any]] = {
    "vulnerability-bytes": (100, TRACKER),
    "vulnerability-record-bytes": (100, archive_of(*RECORDS)),
    "vulnerabilities": (3, archive_of(*RECORDS)),
    "document-values": (60, archive_of({**record(2000, "3.1"), "references": [*range(100)]})),
    "xz-memory-bytes": (1 << 16, lzma.compress(json.dumps(TRACKER).encode())),
    "image-unpacked-bytes": (5000, archive_of(*RECORDS)),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_what_exceeds_a_bound(
    tools: World, data: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number, content = BOUNDS[name]
    file = data(content)
    monkeypatch.setenv(VARIABLE, f"{name}={number}")
    status, _, err = tools.run("sbom", "--format=cyclonedx", f"--cache={tools.cache}", f"--vulnerabilities={file}")
    assert (status > 0, file in err, f"more than {number}" in err) == (True, True, True), err
    assert f"raise the bound {name}: " in err


def test_the_library_is_named_where_it_is_missing(
    tools: World, data: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("package_cache.vulnerabilities.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ijson", None)
    told = "cannot read vulnerability data: the Python package ijson is not installed"
    refused(tools.online("outdated", "--vulnerabilities", data(TRACKER)), 8, told, "pip install 'ijson")


def billed(world: World, file: str) -> Any:
    """Return the bill of the cache, which fits the schema."""
    words = ["sbom", f"--cache={world.cache}", "--format=cyclonedx", f"--vulnerabilities={file}"]
    status, out, err = world.run(*words)
    assert (status, err) == (0, "")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(out) is None
    assert world.run(*words)[1] == out
    return json.loads(out)


def test_a_bill_names_what_updates_fix(tools: World, data: Callable[[Any], str]) -> None:
    file = data(archive_of(*RECORDS))
    document = billed(tools, file)
    found = {item["id"]: item for item in document["vulnerabilities"]}
    assert sorted(found) == sorted([*FIXED, "CVE-2024-2002"])
    references = {item["name"]: item["bom-ref"] for item in document["components"]}
    item = found["CVE-2024-2000"]
    assert sorted(target["ref"] for target in item["affects"]) == [references["editor"], references["viewer"]]
    assert item["affects"][0]["versions"] == [{"version": "1.0", "status": "affected"}]
    assert item["ratings"] == [{"source": {"name": "Ubuntu"}, "severity": "high", "method": "other"}]
    assert (item["source"], item["analysis"]["state"]) == ({"name": "Ubuntu"}, "exploitable")
    assert item["analysis"]["response"] == ["update"]
    assert item["recommendation"] == "Update the packages built from tools to 3.1~rc1 or a later version."
    properties = {item["name"]: item["value"] for item in document["metadata"]["properties"]}
    assert properties["package-cache:vulnerability-data"] == "data"
    plain = json.loads(tools.run("sbom", f"--cache={tools.cache}", "--format=cyclonedx")[1])
    assert "vulnerabilities" not in plain
    assert plain["serialNumber"] != document["serialNumber"]
    place = tools.folder / "bill.json"
    words = ["sbom", f"--cache={tools.cache}", "--format=cyclonedx", f"--vulnerabilities={file}", f"--output={place}"]
    assert tools.run(*words)[1].endswith(", licences known of 0, 5 CVE numbers with a fix\n")


def test_words_that_are_no_severity_give_no_rating(tools: World, data: Callable[[Any], str]) -> None:
    [item] = billed(tools, data(record(2000, "3.1", priority="negligible")))["vulnerabilities"]
    assert "ratings" not in item


def test_a_bill_says_where_nothing_is_known(tools: World, data: Callable[[Any], str]) -> None:
    file = data(record(2000, "3.1", ecosystem="Ubuntu:22.04:LTS"))
    words = ["sbom", f"--cache={tools.cache}", "--format=cyclonedx", f"--vulnerabilities={file}"]
    status, out, err = tools.run(*words)
    assert (status, err) == (0, f"warning: no data on ubuntu18.04 in {file}\n")
    properties = json.loads(out)["metadata"]["properties"]
    assert {"name": "package-cache:no-vulnerability-data", "value": "ubuntu18.04"} in properties


def test_spdx_has_no_place_for_them(tools: World, data: Callable[[Any], str]) -> None:
    done = tools.run("sbom", f"--cache={tools.cache}", "--vulnerabilities", data(TRACKER))
    refused(done, 2, "cannot write vulnerabilities as SPDX 2.3", "add --format cyclonedx")
