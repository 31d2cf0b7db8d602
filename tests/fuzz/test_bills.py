"""Whatever packages say of themselves, a bill of materials is valid, and the same bytes each time."""

import json
import uuid
from datetime import UTC, datetime
from random import Random
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.counts import Tried
from tests.fuzz.effort import fuzzed
from tests.fuzz.odd_bills import odd_package

from package_cache.sbom.facts import Bill

SCHEMA = JsonStrictValidator(SchemaVersion.V1_6)


@fuzzed("bills")
@given(number=st.integers(0, 2**32))
@example(number=5)
@example(number=16)
@example(number=24)
@example(number=27)
def test_bills(tried: Tried, number: int) -> None:
    from package_cache.sbom.cyclonedx import cyclonedx_text  # noqa: PLC0415 - another test takes them away
    from package_cache.sbom.spdx import spdx_text  # noqa: PLC0415

    tried("bills")
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
