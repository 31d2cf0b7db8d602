"""Whatever packages and their licences say, a bill of materials is valid, and the same bytes each time."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import strategies as st
from tests.fuzz.effort import fuzzed
from tests.fuzz.nasty import TEXTS

from package_cache.cache.package_list import DescribedPackage
from package_cache.sbom.facts import Bill, BilledPackage, billed

SCHEMA = JsonStrictValidator(SchemaVersion.V1_6)
MAINTAINERS = [
    "N <n@example.invalid>", "<>", "<n@x>", "N <>", "N <a> <b>", "N (x) <n@x>", "N <n@x", "> <", "(", "()", "a (b)",
    "N, M <n>", "\x1b[31m <n@x>", "\u202e<x@y>", "N\0M <a\0b>", "\x85", "\u2028", "N <n@x> ()", "( <)>",
    "Organization: x", "NOASSERTION", "\ufffe",
]  # fmt: skip
HOMEPAGES = [
    "https://example.com/", "http://a", "https://[::1]/", "https://a/%zz", "https://a b/", "https://a/\x1b",
    "javascript:x",
    "http://a:99999999/", "http://a/[x]", "http://a/^", "http://a/{x}", "http://a/|", "https://a/#b#c",
    "http://a@b@c/", "http://a/`",
    "https://\u00e9.example/", "http://a/" + "x" * 60, "<https://a.b/>", "http://1.2.3.4:80:80/", "http://a%/",
    "http://a/%",
    "https://a\\b/", "HTTP://A.B/", "http://a..b/", "http://a.b/?q=[", "http://a.b/#[", "http://a.b:x/",
    "http://a.b/\n", "http://-/",
]  # fmt: skip
SOURCES = ["other", "other (1)", "other (", "other ()", "(1)", " ", "o\0r (1\x1b)", "a b c", "other (1:2-3) x", ") ("]
LICENCES = [
    "GPL-2+", "Expat", "NOASSERTION", "", "a" * 70_000, "\x1b[31m", "a, b", "(a and b)", "\0", "\u2028", "LicenseRef-x",
    "é",
]  # fmt: skip
VERSIONS = ["1.0", "1:2~rc1+b-1", "1", "0:1", "1.0+dfsg~~"]
NAMES = ["tool", "lib", "libstdc++6", "a.b", "0ad"]
URIS = [
    "", "https://tools.example.com/apt", "http://mirror:8080", "http://localhost", "file:/srv/x", "copy:/x y",
    "http://[::1]:80/",
    "https://h/%zz", "tor+https://x.onion", "mirror+file:/x", "cdrom:[x]/", "http://h/a b", "http://h/<x>",
    "http://h/^`{|}", "x:",
]  # fmt: skip


def odd_package(random: Random) -> BilledPackage:
    """Return one by chance, built by the code that reads them from a cache."""
    control: dict[str, str] = {}
    for key, values in (("Maintainer", MAINTAINERS), ("Homepage", HOMEPAGES), ("Source", SOURCES)):
        if random.randrange(5):
            control[key] = random.choice((random.choice(values), random.choice(values), random.choice(TEXTS)))
    names: Sequence[str] = random.choice((LICENCES, LICENCES, TEXTS))
    digest = f"{random.randrange(4):x}" * 64
    item = DescribedPackage(
        random.choice(NAMES), random.choice(VERSIONS), random.choice(("amd64", "all", "i386")), 1, digest, digest
    )
    licences = {" ".join(random.choice(names).split()) for _ in range(random.randrange(4))}
    uri = random.choice(URIS)
    return billed(
        random.choice(("ubuntu18.04", "debian12")), item, dict.fromkeys(random.choice(("a", "ab", ["a" * 64])), False),
        control, tuple(sorted(licences - {""})),
        origin=("pool/a b/x_1%.deb", f"{uri}/pool/x_1%25.deb" if uri else "") if random.randrange(2) else ("", ""),
    )  # fmt: skip


@fuzzed("bills", 5, 16, 24, 27, number=st.integers(0, 2**32))
def test_bills(number: int) -> None:
    from package_cache.sbom.cyclonedx import cyclonedx_text  # noqa: PLC0415 - another test takes them away
    from package_cache.sbom.spdx import spdx_text  # noqa: PLC0415

    random = Random(number)
    packages = {}
    for _ in range(random.randint(1, 4)):
        item = odd_package(random)
        packages[item.system, item.name, item.version, item.architecture, item.sha256] = item
    bill = Bill(
        "cache", datetime(2026, 1, 31, tzinfo=UTC), "a test", uuid.UUID(int=1), tuple(sorted(packages.values()))
    )
    spdx, cyclonedx = spdx_text(bill), cyclonedx_text(bill)
    assert (spdx_text(bill), cyclonedx_text(bill)) == (spdx, cyclonedx)
    (spdx + cyclonedx).encode()
    assert spdx_problems(json.loads(spdx)) == []
    assert SCHEMA.validate_str(cyclonedx) is None
    references = [item["bom-ref"] for item in json.loads(cyclonedx)["components"]]
    assert len(set(references)) == len(packages)


def spdx_problems(document: Any) -> list[str]:
    """Return what the format's library finds wrong."""
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser  # noqa: PLC0415
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document  # noqa: PLC0415

    parser: Any = JsonLikeDictParser
    return [str(found.validation_message) for found in validate_full_spdx_document(parser().parse(document))]
