"""The table of the pods in docs/kubernetes.md is made of the results."""

import json

from bench.kubernetes.__main__ import BEGIN, DOCUMENT, END, RESULTS, report


def test_the_document_has_the_table_of_the_results() -> None:
    _, _, rest = DOCUMENT.read_text().partition(BEGIN)
    assert rest.partition(END)[0].strip() == report(json.loads(RESULTS.read_text())).strip()
