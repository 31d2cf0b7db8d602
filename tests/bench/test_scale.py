"""The formula of docs/scale.md, computed by hand; its tables and those of other documents are made of results."""

import json
from pathlib import Path
from types import ModuleType

import pytest
from bench.kubernetes import __main__ as kubernetes
from bench.scale import Method

from bench import recordings, scale


@pytest.mark.parametrize(
    ("copies_per_node", "nodes", "wait"), [(1, 10, 21.0), (10, 10, 201.0), (0, 10, 3.0), (0, 10_000, 3.0)]
)
def test_the_scarcer_of_link_and_requests_decides(copies_per_node: float, nodes: int, wait: float) -> None:
    assert (
        Method("image", copies_per_node, 1.0, 50, 4, bytes_per_second=100.0, requests_per_second=2.0).wait(nodes)
        == wait
    )


@pytest.mark.parametrize(
    ("made_of", "results"),
    [
        (scale, scale.INPUTS),
        (kubernetes, kubernetes.RESULTS),
        pytest.param(
            recordings,
            recordings.RESULTS,
            marks=pytest.mark.skipif(not recordings.RESULTS.exists(), reason="nothing was measured yet"),
        ),
    ],
)
def test_the_document_has_the_tables(made_of: ModuleType, results: Path) -> None:
    _, _, rest = made_of.DOCUMENT.read_text().partition(made_of.BEGIN)
    assert rest.partition(made_of.END)[0].strip() == made_of.report(json.loads(results.read_text())).strip()
