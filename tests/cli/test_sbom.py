"""Bills of materials, held against the formats' own schemas by their own libraries."""

import builtins
import importlib
import json
import os
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from tests.support.world import World, refused, toml_group

from package_cache.sbom.facts import Bill, BilledPackage

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2026 Nobody
License: Expat

Files: debian/*
Copyright: 2026 Nobody
License: GPL-2+
 Text.
"""


@pytest.fixture
def billed(world: World) -> World:
    """A cache with a package whose fields and licences are known, beside others."""
    world.once("packages with licences", lambda: build_with_licences(world))
    return world


def build_with_licences(world: World) -> None:
    world.add(
        "openssh-server",
        "1:7.6p1-4",
        architecture="amd64",
        depends="libshared",
        files={"/usr/share/doc/openssh-server/copyright": COPYRIGHT},
        Source="openssh (1:7.6p1-4+b1)",
        Homepage="https://example.invalid/",
    )
    world.manifest("ssh,ubuntu18.04,openssh-server\nedit,ubuntu18.04,editor\n")
    assert world.build()[0] == 0


def sbom(world: World, *words: str) -> Any:
    status, out, err = world.run("sbom", *words, "--cache", str(world.cache))
    assert (status, err) == (0, "")
    return json.loads(out)


def assert_spdx(document: Any) -> None:
    """Check a document with its library, which is imported here because another test removes it."""
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser  # noqa: PLC0415
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document  # noqa: PLC0415

    parser: Any = JsonLikeDictParser
    assert validate_full_spdx_document(parser().parse(document)) == []


def assert_cyclonedx(document: Any) -> None:
    """Check a document against its schema."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None


def locked(world: World, name: str) -> dict[str, Any]:
    """Return the cache's description of a package of the group ssh."""
    [system] = world.json("show", "ssh", "--cache", str(world.cache))["result"]["systems"]
    found: dict[str, Any] = next(item for item in system["packages"] if item["name"] == name)
    return found


PURL = PackageURL.from_string("pkg:deb/ubuntu/openssh-server@1%3A7.6p1-4?arch=amd64&distro=ubuntu-18.04")


def test_cyclonedx_says_all_and_fits_its_schema(billed: World) -> None:
    document = sbom(billed, "--format", "cyclonedx", "--lock", str(billed.folder / "package-cache.lock"))
    assert_cyclonedx(document)
    components = {item["name"]: item for item in document["components"]}
    assert set(components) == {"openssh-server", "libshared", "editor"}
    found, package = components["openssh-server"], locked(billed, "openssh-server")
    assert (PackageURL.from_string(found["purl"]), found["version"]) == (PURL, "1:7.6p1-4")
    assert found["hashes"] == [{"alg": "SHA-256", "content": package["sha256"]}]
    assert sorted(item["license"]["name"] for item in found["licenses"]) == ["Expat", "GPL-2+"]
    assert found["supplier"]["name"] == "Nobody <nobody@example.invalid>"
    properties = {item["name"]: item["value"] for item in found["properties"]}
    assert properties == {
        "package-cache:group": "ssh",
        "package-cache:original-sha256": package["original_sha256"],
        "package-cache:path": "pool/main/openssh-server/openssh-server_7.6p1-4_amd64.deb",
        "package-cache:source": "openssh",
        "package-cache:source-version": "1:7.6p1-4+b1",
    }
    assert [item["license"]["name"] for item in components["editor"]["licenses"]] == ["NOASSERTION"]
    shared = [item["value"] for item in components["libshared"]["properties"] if item["name"].endswith(":group")]
    assert shared == ["edit", "ssh"]
    assert billed.server.uri not in json.dumps(document)


def test_spdx_says_all_and_its_library_finds_nothing_wrong(billed: World) -> None:
    document = sbom(billed, "--lock", str(billed.folder / "package-cache.lock"))
    assert_spdx(document)
    packages = {item["name"]: item for item in document["packages"]}
    found, package = packages["openssh-server"], locked(billed, "openssh-server")
    assert PackageURL.from_string(found["externalRefs"][0]["referenceLocator"]) == PURL
    assert found["checksums"] == [{"algorithm": "SHA256", "checksumValue": package["sha256"]}]
    assert found["supplier"] == "Organization: Nobody (nobody@example.invalid)"
    assert found["licenseDeclared"] == "NOASSERTION"
    assert found["licenseComments"] == "debian/copyright names: Expat, GPL-2+"
    assert found["downloadLocation"] == "NOASSERTION"
    assert "path in the archive: pool/main/openssh-server/" in found["sourceInfo"]
    assert package["original_sha256"] in found["sourceInfo"]
    assert "source package: openssh 1:7.6p1-4+b1" in found["sourceInfo"]


def test_a_third_party_repository_and_odd_fields(world: World) -> None:
    third = world.server.uri.replace("127.0.0.1", "localhost")
    world.add("tool", "1.0~a+b", suite="extra", Homepage="see the wiki", Maintainer="Some One <>", Source="tool (")
    world.manifest(
        f'{toml_group("tools", "tool")}[[repository]]\nname = "third"\nuris = ["{third}"]\nsuite = "extra"\n'
        f'components = ["main"]\nkey = "{world.archive.armoured_keyring.relative_to(world.folder)}"\n'
    )
    assert world.build()[::2] == (0, "")
    lock = ["--lock", str(world.folder / "package-cache.lock")]
    document = sbom(world, *lock)
    assert_spdx(document)
    assert f"from: {third}/pool/main/tool/tool_1.0~a%2Bb_all.deb" in document["packages"][0]["sourceInfo"]
    assert document["packages"][0]["downloadLocation"] == "NOASSERTION"  # of a host without a dot the format wants none
    assert document["packages"][0]["homepage"] == "NOASSERTION"
    document = sbom(world, *lock, "--format", "cyclonedx")
    assert_cyclonedx(document)
    [reference] = document["components"][0]["externalReferences"]
    assert (reference["type"], reference["url"].startswith(third)) == ("distribution", True)


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("https://tools.example.com/apt/pool/t/tool.deb", "https://tools.example.com/apt/pool/t/tool.deb"),
        ("http://mirror:8080/pool/tool.deb", "NOASSERTION"),
        ("", "NOASSERTION"),
    ],
)
def test_spdx_asserts_only_valid_locations(uri: str, location: str) -> None:
    from package_cache.sbom.spdx import spdx_text  # noqa: PLC0415 - as above

    facts: dict[str, Any] = {"source": "tool", "source_version": "1", "maintainer": "", "homepage": "", "licences": ()}
    rest: dict[str, Any] = {"sha256": "0" * 64, "original_sha256": "1" * 64, "size": 1, "groups": ("a",), "path": "x"}
    item = BilledPackage("debian12", "tool", "1", "all", **facts, **rest, uri=uri)
    bill = Bill("cache", datetime(2026, 1, 31, tzinfo=UTC), "a test", uuid.UUID(int=1), (item,))
    document = json.loads(spdx_text(bill))
    assert_spdx(document)
    assert document["packages"][0]["downloadLocation"] == location


@pytest.mark.parametrize("format_", ["spdx", "cyclonedx"])
def test_the_same_cache_gives_the_same_bytes(billed: World, format_: str) -> None:
    words = ["sbom", "--cache", str(billed.cache), "--format", format_]
    first = billed.run(*words)[1]
    assert billed.run(*words)[1] == first
    file = billed.folder / "bill.json"
    status, out, _ = billed.run(*words, "--output", str(file))
    assert (status, out) == (0, f"{file}: 3 packages, licences known of 1\n")
    assert file.read_text() == first
    assert billed.json(*words)["result"] == json.loads(first)


def test_a_group_alone(billed: World) -> None:
    names = [item["name"] for item in sbom(billed, "ssh")["packages"]]
    assert sorted(names) == ["libshared", "openssh-server"]
    status, _, err = billed.run("sbom", "ssh", "debug", "nfs", "--cache", str(billed.cache))
    assert (status, "cannot find the groups 'debug', 'nfs' in the cache" in err) == (10, True)


def test_a_missing_package_file(billed: World) -> None:
    (billed.cache / "pool" / f"{locked(billed, 'libshared')['sha256']}.deb").unlink()
    refused(billed.run("sbom", "--cache", str(billed.cache)), 31, "cannot read libshared")


def take_library_away(format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the library of a format, as if it was not installed."""
    library = {"spdx": "spdx_tools", "cyclonedx": "cyclonedx"}[format_]
    for name in [*sys.modules]:
        if name.partition(".")[0] == library or name == f"package_cache.sbom.{format_}":
            monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == library:
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    importlib.invalidate_caches()


def test_pipes_and_links_are_not_overwritten(billed: World) -> None:
    pipe, link, missing = billed.folder / "pipe", billed.folder / "link", billed.folder / "nowhere" / "bill"
    os.mkfifo(pipe)  # no device: where the check is broken, this test would replace one of this machine's
    link.symlink_to("target")
    for output, why in (
        (pipe, "it is not a file\nhint: name a file, or omit --output to write to standard output"),
        (missing, f"there is no folder {missing.parent}"),
    ):
        status, out, err = billed.run("sbom", "--cache", str(billed.cache), "--output", str(output))
        assert (status, out, err) == (2, "", f"error: cannot write to {output}: {why}\n")
    assert pipe.is_fifo()
    assert billed.run("sbom", "--cache", str(billed.cache), "--output", str(link))[0] == 0
    assert link.is_symlink()
    assert_spdx(json.loads((billed.folder / "target").read_text()))
