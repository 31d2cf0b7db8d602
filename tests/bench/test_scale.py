"""The formula of docs/scale.md, computed by hand, and its tables."""

import json

import pytest
from bench.scale import BEGIN, DOCUMENT, END, INPUTS, Method, report


@pytest.mark.parametrize(
    ("copies_per_node", "nodes", "wait"), [(1, 10, 21.0), (10, 10, 201.0), (0, 10, 3.0), (0, 10_000, 3.0)]
)
def test_the_scarcer_of_link_and_requests_decides(copies_per_node: float, nodes: int, wait: float) -> None:
    assert (
        Method("image", copies_per_node, 1.0, 50, 4, bytes_per_second=100.0, requests_per_second=2.0).wait(nodes)
        == wait
    )


def test_the_document_has_the_tables() -> None:
    _, _, rest = DOCUMENT.read_text().partition(BEGIN)
    assert rest.partition(END)[0].strip() == report(json.loads(INPUTS.read_text())).strip()
